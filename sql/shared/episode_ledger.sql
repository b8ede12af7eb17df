-- name: episode_ledger
-- title: What each training episode says of itself beside what is stored of its steps
-- reads: transitions, episodes, segments
-- needs: window_settings

-- One row an episode. is_finished: it has a row of its own. stored: rows of its steps, of which
-- steps_in_order are 0, 1, 2, ... without a gap or a repeat. is_whole: it was played by one
-- process. An episode that a resume cut in two may lack the windows that were open then.
-- lacks_tail: all steps are stored but the last k < n, as where open windows are dropped at an end;
-- drops_tails: most episodes of the run lack theirs, so it is the replay's way and no accident.
-- is_lossy: the recorder says that it dropped rows of the run, so nothing can be concluded from what
-- is missing.
WITH stored AS (
    SELECT
        run_id,
        episode_id,
        count(*) AS stored,
        count(episode_step) AS steps,
        min(episode_step) AS first_stored,
        max(episode_step) AS last_stored,
        sum(episode_step) AS sum_of_steps,
        sum(reward_raw::DOUBLE) AS sum_raw,
        sum(abs(reward_raw::DOUBLE)) AS sum_abs_raw,
        count(reward_raw) AS rewards_raw,
        sum(reward_clipped::DOUBLE) AS sum_clipped,
        sum(abs(reward_clipped::DOUBLE)) AS sum_abs_clipped,
        count(reward_clipped) AS rewards_clipped
    FROM transitions
    WHERE episode_id IS NOT NULL
    GROUP BY run_id, episode_id
),
finished AS (
    SELECT
        *,
        lead(episode_id) OVER env AS next_episode_id,
        lead(first_obs_hash) OVER env AS next_first_obs_hash
    FROM episodes
    WHERE (phase = 'eval') IS NOT TRUE
    WINDOW env AS (PARTITION BY run_id, env_index ORDER BY start_step, episode_id)
),
lossy AS (
    SELECT run_id
    FROM segments
    GROUP BY run_id
    HAVING max(list_sum(map_values(rows_dropped))) > 0
),
cut AS (
    SELECT DISTINCT
        e.run_id,
        e.episode_id
    FROM finished AS e
    JOIN segments AS s ON s.run_id = e.run_id
    WHERE s.resumed_from IS NOT NULL
        AND s.resume_step >= e.start_step
        AND s.resume_step < e.end_step
),
joined AS (
    SELECT
        run_id,
        episode_id,
        f.run_id IS NOT NULL AS is_finished,
        f.env_index,
        f.start_step,
        f.end_step,
        f.length,
        f.return_raw,
        f.return_clipped,
        f.terminated,
        f.truncated,
        f.lives_lost,
        f.first_obs_hash,
        f.next_episode_id,
        f.next_first_obs_hash,
        coalesce(s.stored, 0) AS stored,
        s.first_stored,
        s.last_stored,
        s.steps = s.last_stored + 1
            AND s.first_stored = 0
            AND s.sum_of_steps = s.last_stored * s.steps / 2 AS is_gapless,
        s.sum_raw,
        s.sum_abs_raw,
        s.rewards_raw,
        s.sum_clipped,
        s.sum_abs_clipped,
        s.rewards_clipped,
        cut.run_id IS NULL AS is_whole,
        lossy.run_id IS NOT NULL AS is_lossy,
        is_finished
            AND is_whole
            AND is_gapless
            AND s.last_stored BETWEEN f.length - w.n_step AND f.length - 2 AS lacks_tail
    FROM stored AS s
    FULL JOIN finished AS f USING (run_id, episode_id)
    LEFT JOIN cut USING (run_id, episode_id)
    LEFT JOIN lossy USING (run_id)
    LEFT JOIN shared.window_settings AS w USING (run_id)
)
SELECT
    *,
    avg(coalesce(lacks_tail, false)::INTEGER) FILTER (is_finished AND is_whole)
        OVER (PARTITION BY run_id) > 0.5 AS drops_tails
FROM joined

-- name: impossible_episodes
-- title: Episodes whose figures contradict each other
-- severity: error
-- reads: episodes
-- grain: run_id, episode_id
-- groups: episodes
-- needs: run_settings
-- requires: episodes.episode_id
-- diagnosis: episode {episode_id} of run {run_id} (environment {env_index}, steps {start_step} to
--     {end_step}) {problem}
-- why: returns and lengths are what a run is judged by, and an episode that cannot have happened
--     says that the bookkeeping of the environments is wrong.
-- incremental: episode_id
-- false_alarms: none; exact, and figures that are not given are not judged
-- assumes: environments that are stepped side by side; with other trainers an episode may take
--     fewer of the steps between its ends, but not more
-- cites: DLR-RM/stable-baselines3#852

WITH games AS (
    SELECT
        e.*,
        (s.config ->> '$.num_envs')::BIGINT AS num_envs,
        (s.config ->> '$.max_episode_steps')::BIGINT AS max_episode_steps,
        e.run_id IN (SELECT run_id FROM runs WHERE source = 'rlaudit') AS in_step
    FROM episodes AS e
    LEFT JOIN shared.run_settings AS s USING (run_id)
)
SELECT
    run_id,
    episode_id,
    env_index,
    start_step,
    end_step,
    length,
    phase,
    CASE
        WHEN phase NOT IN ('train', 'eval') THEN 'has the phase ' || phase
        WHEN length < 1 THEN 'has a length of ' || length
        WHEN end_step < start_step THEN 'ends before it begins'
        WHEN phase = 'train' AND length > end_step - start_step + 1
            THEN 'took ' || length || ' steps, and training did '
                || (end_step - start_step + 1) || ' in that time'
        WHEN phase = 'train' AND (num_envs = 1 OR in_step)
            AND (length - 1) * num_envs <> end_step - start_step
            THEN 'took ' || length || ' steps, where ' || num_envs || ' environments in step make '
                || ((end_step - start_step) / num_envs + 1)::DECIMAL(18, 1)
        WHEN length > max_episode_steps AND max_episode_steps > 0
            THEN 'took ' || length || ' steps, beyond the limit of ' || max_episode_steps
        WHEN terminated = false AND truncated = false
            THEN 'ended without being terminated or truncated'
        WHEN isnan(return_raw) OR isnan(return_clipped) THEN 'has a return that is no number'
        WHEN lives_lost < 0 THEN 'lost ' || lives_lost || ' lives'
        WHEN noise_draws > length
            THEN 'acted ' || length || ' times under ' || noise_draws || ' noise draws'
    END AS problem
FROM games
WHERE problem IS NOT NULL

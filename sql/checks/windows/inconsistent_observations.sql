-- name: inconsistent_observations
-- title: States that are shown with two different observations
-- severity: error
-- reads: transitions
-- grain: run_id, transition_id
-- groups: transitions
-- needs: episode_ledger, ending_windows
-- requires: transitions.obs_hash, transitions.next_obs_hash, transitions.episode_step,
--     transitions.end_episode_step
-- diagnosis: transition {transition_id} of run {run_id} shows as step {step} of episode
--     {episode_id} another observation than {witness} does: {problem}; {found} transitions
--     disagree
-- why: an observation that is one step off, or that was overwritten in shared memory before it was
--     stored, pairs a state with another state's action and reward.
-- assumes: equal observations have equal hashes, and observation hashes are of 64 bits: in 10M
--     frames two different ones share a hash with a probability of 3e-6, which can hide a
--     disagreement and not make one.
-- cites: ray-project/ray#18358 (views of shared memory are stored and shift by a step);
--     higgsfield/RL-Adventure#11

-- A state is seen up to n + 1 times: as a window's first state, as the end of up to n windows, and
-- step 0 as the episode's first observation.
WITH interior AS (
    SELECT
        t.run_id,
        t.transition_id,
        t.end_episode_id AS episode_id,
        t.end_episode_step AS step,
        t.next_obs_hash AS shown,
        format('transition {}, which begins there,', u.transition_id) AS witness
    FROM transitions AS t
    JOIN transitions AS u
        ON u.run_id = t.run_id
        AND u.episode_id = t.end_episode_id
        AND u.episode_step = t.end_episode_step
    WHERE u.obs_hash <> t.next_obs_hash AND (u.env_index <> t.end_env_index) IS NOT TRUE
),
first AS (
    SELECT
        t.run_id,
        t.transition_id,
        t.episode_id,
        t.episode_step AS step,
        t.obs_hash AS shown,
        'the reset that began the episode' AS witness
    FROM transitions AS t
    JOIN shared.episode_ledger AS e USING (run_id, episode_id)
    WHERE t.episode_step = 0 AND t.obs_hash <> e.first_obs_hash
),
last AS (
    SELECT
        run_id,
        transition_id,
        episode_id,
        end_episode_step AS step,
        next_obs_hash AS shown,
        format(
            'transition {}, which ends there as well,', last(transition_id) OVER same_end
        ) AS witness
    FROM shared.ending_windows
    WHERE at_end AND next_obs_hash IS NOT NULL
    WINDOW same_end AS (
        PARTITION BY run_id, episode_id, end_episode_step
        ORDER BY episode_step
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
    QUALIFY next_obs_hash <> last(next_obs_hash) OVER same_end
),
wrong AS MATERIALIZED (
    FROM interior UNION ALL FROM first UNION ALL FROM last
),
-- Where else in the episode the observation is found, nearest first.
found AS (
    SELECT
        w.run_id,
        w.transition_id,
        w.step,
        min_by(u.episode_step, abs(u.episode_step - w.step)) AS step_shown
    FROM wrong AS w
    JOIN transitions AS u
        ON u.run_id = w.run_id AND u.episode_id = w.episode_id AND u.obs_hash = w.shown
    WHERE u.episode_step <> w.step
    GROUP BY ALL
)
SELECT
    w.run_id,
    w.transition_id,
    w.episode_id,
    w.step,
    w.witness,
    w.shown,
    CASE
        WHEN f.step_shown IS NULL THEN 'the episode has it at no other step'
        WHEN f.step_shown = t.episode_step AND w.step <> t.episode_step
            THEN 'it is the observation that the transition itself begins with'
        ELSE format('it is the observation of step {}', f.step_shown)
    END AS problem
FROM wrong AS w
JOIN transitions AS t USING (run_id, transition_id)
LEFT JOIN found AS f USING (run_id, transition_id, step)

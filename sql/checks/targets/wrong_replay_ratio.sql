-- name: wrong_replay_ratio
-- title: Updates too many or too few for the agent steps
-- severity: error
-- reads: updates
-- grain: run_id, segment_id
-- groups: segments = segments
-- needs: window_settings
-- requires: config.update_period, config.num_envs, updates.env_step
-- diagnosis: run {run_id} did {updates} updates from agent step {first_step} to {last_step}, where
--     an update every {update_period} agent steps makes {expected}: {problem}
-- why: the replay ratio decides how often a transition is learned from. Counted in ticks of all
--     environments, in frames or in episodes, it is another algorithm than the config says.
-- threshold: the updates that fall due at one agent step, num_envs / update_period and one more:
--     what the first and the last burst can be cut by.
-- assumes: update_period counts agent steps over all environments. Each process is judged by
--     itself.
-- after: duplicate_update_ids, learning_during_evaluation, updates_out_of_order
-- cites: Hessel et al. 2018, table 1 (an update every 4 agent steps); Fedus et al. 2020 (replay
--     ratio)

WITH bursts AS (
    SELECT run_id, segment_id, env_step, count(*) AS updates
    FROM updates
    GROUP BY ALL
),
achieved AS (
    SELECT
        run_id,
        segment_id,
        sum(updates)::BIGINT AS updates,
        max(updates) AS burst,
        min(env_step) AS first_step,
        max(env_step) AS last_step
    FROM bursts
    GROUP BY run_id, segment_id
)
SELECT
    a.run_id,
    a.segment_id,
    a.updates,
    a.first_step,
    a.last_step,
    s.update_period,
    (a.last_step - a.first_step) // s.update_period + 1 AS expected,
    a.burst + s.num_envs / s.update_period + 1 AS tolerance,
    CASE
        WHEN s.num_envs > 1
            AND abs(a.updates - (a.last_step - a.first_step) / s.update_period / s.num_envs)
                <= tolerance
            THEN 'the period counts ticks of all environments and not agent steps'
        WHEN a.updates > expected THEN 'updates are done too often'
        ELSE 'updates are left out'
    END AS problem
FROM achieved AS a
JOIN shared.window_settings AS s USING (run_id)
WHERE abs(a.updates - expected) > tolerance

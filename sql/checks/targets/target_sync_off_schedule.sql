-- name: target_sync_off_schedule
-- title: Copies of the online net to the target net off their schedule
-- severity: error
-- reads: updates
-- grain: run_id, from_step
-- groups: updates
-- needs: window_settings
-- requires: config.target_sync_agent_steps, config.update_period, updates.target_synced,
--     updates.env_step
-- diagnosis: the target net of run {run_id} was {problem} (agent steps {from_step} to {to_step}),
--     where the config copies it every {target_sync_agent_steps} agent steps; {found} intervals
--     are off
-- why: a target net that is copied too seldom teaches values of long ago, one that is copied too
--     often lets errors feed on themselves. Never copied, it stays random.
-- threshold: update_period + num_envs agent steps, which is how far the next update can be from the
--     step at which a copy falls due.
-- assumes: the schedule counts agent steps, and a copy is made with the first update at or after it
--     falls due. An interval is taken within a process, because a resumed run may not learn at
--     once. Whether a copy that is logged copied anything cannot be seen.
-- after: duplicate_update_ids, learning_during_evaluation, updates_out_of_order
-- cites: Mnih et al. 2015, methods; Hessel et al. 2018, table 1 (every 32,000 frames)

WITH marks AS (
    SELECT run_id, segment_id, env_step, 'copied' AS mark FROM updates WHERE target_synced
    UNION ALL
    SELECT run_id, segment_id, min(env_step), 'begun' FROM updates GROUP BY run_id, segment_id
    UNION ALL
    SELECT run_id, segment_id, max(env_step), 'ended' FROM updates GROUP BY run_id, segment_id
),
intervals AS (
    SELECT
        run_id,
        mark AS from_mark,
        env_step AS from_step,
        lead(mark) OVER run AS to_mark,
        lead(env_step) OVER run AS to_step
    FROM marks
    WINDOW run AS (
        PARTITION BY run_id, segment_id
        ORDER BY env_step, CASE mark WHEN 'begun' THEN 0 WHEN 'copied' THEN 1 ELSE 2 END
    )
)
SELECT
    i.run_id,
    i.from_step,
    i.to_step,
    i.to_step - i.from_step AS interval,
    s.target_sync_agent_steps,
    CASE
        WHEN i.from_mark = 'begun' AND i.to_mark = 'ended'
            THEN format('never copied in {} agent steps of updates', interval)
        WHEN i.to_mark = 'ended' THEN format('not copied in its last {} agent steps', interval)
        WHEN i.from_mark = 'begun'
            THEN format('first copied {} agent steps after the first update', interval)
        ELSE format('copied {} agent steps after the copy before', interval)
    END AS problem
FROM intervals AS i
JOIN shared.window_settings AS s USING (run_id)
WHERE interval > s.target_sync_agent_steps + s.update_period + s.num_envs
    OR (
        i.from_mark = 'copied'
        AND i.to_mark = 'copied'
        AND interval < s.target_sync_agent_steps - s.update_period - s.num_envs
    )

-- name: transition_history
-- title: The life of one transition: stored, drawn, given a new priority, overwritten
-- question: what happened to this transition?
-- reading: the priority of each draw should be the one that was written before it. at_step is the agent
--     step, update_id the update that drew it.
-- empty: the log has no transition of that id
-- reads: transitions
-- also_reads: updates, samples
-- needs: update_spans
-- params: transition_id BIGINT

WITH stored AS (
    SELECT DISTINCT ON (run_id) *
    FROM transitions
    WHERE transition_id = getvariable('transition_id')
),

lives AS (
    SELECT
        run_id,
        'stored' AS event,
        NULL AS update_id,
        env_step AS at_step,
        slot,
        NULL AS priority,
        NULL AS weight,
        NULL AS td_error,
        priority AS priority_after,
        0 AS rank
    FROM stored
    UNION ALL
    SELECT
        s.run_id,
        'drawn',
        s.update_id,
        u.env_step,
        s.slot,
        s.priority,
        s.weight,
        s.td_error,
        s.priority_new,
        1
    FROM samples AS s
    LEFT JOIN shared.update_spans AS u USING (run_id, update_id)
    WHERE s.transition_id = getvariable('transition_id')
    UNION ALL
    -- The first update that could not draw it any more.
    SELECT u.run_id, 'overwritten', min(u.update_id), min(u.env_step), NULL, NULL, NULL, NULL, NULL, 2
    FROM shared.update_spans AS u
    SEMI JOIN stored USING (run_id)
    WHERE u.oldest_id > getvariable('transition_id')
    GROUP BY u.run_id
)

SELECT * EXCLUDE (rank)
FROM lives
ORDER BY run_id, rank, update_id

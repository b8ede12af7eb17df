-- name: return_by_step
-- title: What training and evaluation episodes returned, by the agent step at which they ended
-- question: how far is the run for the steps that it took, in training and in evaluation?
-- reading: compare runs by agent steps and not by episodes, which become longer or shorter as an agent
--     learns. Training returns include exploration; evaluation is the agent itself.
-- reads: episodes
-- params: spans BIGINT = 20 from 1 to 1000000

-- A run has `spans` spans of agent steps of equal length from its first step on. A span in which
-- nothing ended has no row.

WITH ended AS (
    SELECT
        run_id,
        end_step,
        length,
        CASE WHEN isfinite(return_raw) THEN return_raw END AS gained,
        phase IS NOT DISTINCT FROM 'eval' AS is_eval,
        greatest(max(end_step) OVER (PARTITION BY run_id), 1) AS steps
    FROM episodes
    WHERE end_step >= 0
),

placed AS (
    SELECT *, greatest(end_step - 1, 0) * getvariable('spans') // steps AS span
    FROM ended
)

SELECT
    run_id,
    (any_value(steps) * (span + 1) / getvariable('spans'))::BIGINT AS to_step,
    count(*) FILTER (NOT is_eval) AS train_episodes,
    avg(gained) FILTER (NOT is_eval) AS train_return,
    avg(length) FILTER (NOT is_eval) AS train_length,
    count(*) FILTER (is_eval) AS eval_episodes,
    avg(gained) FILTER (is_eval) AS eval_return
FROM placed
GROUP BY run_id, span
ORDER BY run_id, to_step

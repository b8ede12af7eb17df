-- name: td_error_against_priority
-- title: What error a priority stood for when it was drawn, and what the error was by then
-- question: do priorities still say how large the TD errors are?
-- reading: error_then is the error that the priority was made of, priority^(1/alpha) less the epsilon of
--     the settings; error_now is the mean absolute TD error (the loss, where the method has none) at
--     the draw. Large errors shrink between two draws and small ones grow, so error_now varies less.
--     If it does not rise with the priority at all, the priorities belong to other transitions.
-- reads: samples, updates
-- also_reads: runs
-- needs: update_spans, run_settings
-- requires: samples.priority, samples.td_error

-- Buckets are powers of two of the priority at the draw.

WITH formulas AS (
    -- Once for each update: settings are JSON, which takes longer to read than all the draws.
    SELECT
        u.run_id,
        u.update_id,
        1 / nullif(u.alpha, 0) AS inverse_alpha,
        coalesce(settings.epsilon, 0) AS epsilon
    FROM shared.update_spans AS u
    LEFT JOIN (
        SELECT run_id, TRY_CAST(config ->> '$.priority_epsilon' AS DOUBLE) AS epsilon
        FROM shared.run_settings
    ) AS settings USING (run_id)
),

drawn AS (
    SELECT
        run_id,
        floor(log2(s.priority::DOUBLE))::INTEGER AS bucket,
        s.priority::DOUBLE AS priority,
        abs(s.td_error::DOUBLE) AS error,
        s.priority_new::DOUBLE AS priority_new,
        pow(s.priority::DOUBLE, formulas.inverse_alpha) - formulas.epsilon AS error_then
    FROM samples AS s
    JOIN formulas USING (run_id, update_id)
    WHERE s.priority > 0 AND isfinite(s.priority) AND isfinite(s.td_error)
)

SELECT
    run_id,
    pow(2, bucket) AS priority_from,
    pow(2, bucket + 1) AS priority_to,
    count(*) AS draws,
    avg(error_then) FILTER (isfinite(error_then)) AS error_then,
    avg(error) AS error_now,
    avg(priority_new) FILTER (isfinite(priority_new)) AS new_priority,
    avg((priority_new < priority)::INTEGER) FILTER (isfinite(priority_new)) AS share_lowered
FROM drawn
GROUP BY run_id, bucket
ORDER BY run_id, bucket

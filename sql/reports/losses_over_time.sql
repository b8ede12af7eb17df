-- name: losses_over_time
-- title: Loss, gradient norm, mean value and TD error, as training went on
-- question: is learning stable?
-- reading: the loss is weighted and may rise while the agent learns; a mean value that grows without the
--     returns is overestimation, and one at the edge of the support of C51 is a support too small.
--     not_finite counts the updates with a loss or gradient norm that is NaN or infinite: any is a fault.
-- reads: updates
-- also_reads: samples
-- needs: update_spans

WITH errors AS (
    SELECT
        u.run_id,
        u.span,
        avg(abs(s.td_error::DOUBLE)) FILTER (isfinite(s.td_error)) AS td_error
    FROM samples AS s
    JOIN shared.update_spans AS u USING (run_id, update_id)
    GROUP BY u.run_id, u.span
)

SELECT
    u.run_id,
    any_value(u.to_step) AS to_step,
    count(*) AS updates,
    avg(u.loss) FILTER (isfinite(u.loss)) AS loss,
    avg(u.grad_norm) FILTER (isfinite(u.grad_norm)) AS grad_norm,
    max(u.grad_norm) FILTER (isfinite(u.grad_norm)) AS largest_norm,
    avg(u.q_mean) FILTER (isfinite(u.q_mean)) AS q_mean,
    any_value(errors.td_error) AS td_error,
    count(*) FILTER ((isfinite(u.loss) AND coalesce(isfinite(u.grad_norm), true)) IS FALSE) AS not_finite
FROM shared.update_spans AS u
LEFT JOIN errors USING (run_id, span)
GROUP BY u.run_id, u.span
ORDER BY u.run_id, to_step

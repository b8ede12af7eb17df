-- name: priority_quantiles
-- title: The priorities that were drawn and written back, as training went on
-- question: do priorities still tell transitions apart?
-- reading: drawn priorities lie above the mean of the buffer, because that is what prioritized replay is
--     for. Quantiles that meet say that it has become uniform; a maximum that nothing reaches any more
--     lets every new transition crowd out the others. Figures that are not finite are left out.
-- reads: samples, updates
-- needs: update_spans
-- requires: samples.priority

WITH drawn AS (
    SELECT
        u.run_id,
        u.span,
        quantile_disc(s.priority, [0.05, 0.5, 0.95]) FILTER (isfinite(s.priority)) AS held,
        quantile_disc(s.priority_new, [0.05, 0.5, 0.95]) FILTER (isfinite(s.priority_new)) AS written
    FROM samples AS s
    JOIN shared.update_spans AS u USING (run_id, update_id)
    GROUP BY u.run_id, u.span
),

buffers AS (
    SELECT
        run_id,
        span,
        any_value(to_step) AS to_step,
        avg(priority_total / nullif(buffer_size, 0)) FILTER (isfinite(priority_total)) AS mean_priority,
        max(max_priority) FILTER (isfinite(max_priority)) AS max_priority
    FROM shared.update_spans
    GROUP BY run_id, span
)

SELECT
    run_id,
    buffers.to_step,
    buffers.mean_priority AS buffer_mean,
    drawn.held[1] AS drawn_p05,
    drawn.held[2] AS drawn_p50,
    drawn.held[3] AS drawn_p95,
    drawn.written[1] AS written_p05,
    drawn.written[2] AS written_p50,
    drawn.written[3] AS written_p95,
    buffers.max_priority
FROM buffers
JOIN drawn USING (run_id, span)
ORDER BY run_id, to_step

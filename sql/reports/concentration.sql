-- name: concentration
-- title: Over how many transitions the priorities spread the draws, as training went on
-- question: how few transitions does the replay dwell on?
-- reading: effective is the number of equally likely transitions whose batches would repeat as much, 1 over
--     the sum of the squared probabilities. Close to the buffer size, priorities do nothing; a share
--     below some hundredths is a replay that sees little of its buffer. largest is the greatest
--     probability among the draws, as a multiple of the uniform one.
-- cites: the mean probability of what is drawn is an unbiased estimate of the sum of squares
-- reads: samples, updates
-- needs: update_spans
-- requires: samples.priority, updates.priority_total

WITH drawn AS (
    SELECT
        u.run_id,
        u.span,
        u.to_step,
        u.buffer_size,
        s.priority::DOUBLE / u.priority_total AS probability
    FROM samples AS s
    JOIN shared.update_spans AS u USING (run_id, update_id)
    WHERE u.priority_total > 0 AND isfinite(u.priority_total) AND isfinite(s.priority)
)

SELECT
    run_id,
    any_value(to_step) AS to_step,
    count(*) AS draws,
    avg(buffer_size) AS buffer_size,
    1 / nullif(avg(probability), 0) AS effective,
    1 / nullif(avg(probability * buffer_size), 0) AS share,
    max(probability * buffer_size) AS largest
FROM drawn
GROUP BY run_id, span
ORDER BY run_id, to_step

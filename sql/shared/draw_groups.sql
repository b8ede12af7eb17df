-- name: draw_groups
-- title: Draws and write-backs by priority, and by when a transition was stored and drawn
-- reads: samples, updates
-- needs: draws

-- Two groupings from one pass. by_priority: buckets of half a power of two, of the priority that
-- was drawn (old_bucket) and that was written (new_bucket). by age: the eighth in which the update
-- ran and the cohort, the eighth in which the transition was stored.
--
-- held and written are the two sides of the write-backs, priority times the clock; of several
-- copies in one batch only the last counts there. inverse sums the smaller of 1 / (N p) and 5. Cost
-- on 13M samples with two threads: 1.3 s.
WITH draws AS (
    SELECT
        run_id,
        is_last,
        priority::DOUBLE AS priority,
        priority_new::DOUBLE AS priority_new,
        CASE WHEN d.priority > 0 THEN try_cast(floor(2 * log2(d.priority)) AS INTEGER) END
            AS old_bucket,
        CASE WHEN d.priority_new > 0 THEN try_cast(floor(2 * log2(d.priority_new)) AS INTEGER) END
            AS new_bucket,
        eighth,
        (transition_id - first_id) // block AS cohort,
        clock,
        least(priority_total / nullif(buffer_size * d.priority::DOUBLE, 0), 5) AS inverse
    FROM shared.draws AS d
    WHERE isfinite(d.priority)
)
SELECT
    run_id,
    grouping(eighth) = 1 AS by_priority,
    old_bucket,
    new_bucket,
    eighth,
    cohort,
    count(*) AS draws,
    sum(priority * clock) FILTER (is_last AND priority_new IS NOT NULL) AS held,
    sum(priority_new * clock) FILTER (is_last) AS written,
    sum(priority_new - priority) FILTER (is_last) AS gain,
    sum(inverse) AS inverse,
    sum(inverse * inverse) AS inverse_squared
FROM draws
GROUP BY GROUPING SETS ((run_id, old_bucket, new_bucket), (run_id, eighth, cohort))

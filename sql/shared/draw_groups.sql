-- name: draw_groups
-- title: Draws and write-backs by priority, and by when a transition was stored and drawn
-- reads: samples, updates
-- needs: update_clock, draws

-- Two groupings from one pass. by_priority: buckets of half a power of two, of the priority that
-- was drawn (old_bucket) and that was written (new_bucket). by age: the eighth in which the update
-- ran and the cohort, the eighth in which the transition was stored.
--
-- held and written are the two sides of the write-backs, priority times the clock; of several
-- copies in one batch only the last counts there. inverse sums the smaller of 1 / (N p) and 5. Cost
-- on 13M samples with two threads: 1.3 s.
WITH draws AS (
    SELECT
        s.run_id,
        s.is_last,
        s.priority::DOUBLE AS priority,
        s.priority_new::DOUBLE AS priority_new,
        CASE WHEN s.priority > 0 THEN try_cast(floor(2 * log2(s.priority)) AS INTEGER) END
            AS old_bucket,
        CASE WHEN s.priority_new > 0 THEN try_cast(floor(2 * log2(s.priority_new)) AS INTEGER) END
            AS new_bucket,
        c.eighth,
        (s.transition_id - c.first_id) // c.block AS cohort,
        c.clock,
        least(c.priority_total / nullif(c.buffer_size * s.priority::DOUBLE, 0), 5) AS inverse
    FROM shared.draws AS s
    JOIN shared.update_clock AS c USING (run_id, update_id)
    WHERE isfinite(s.priority)
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

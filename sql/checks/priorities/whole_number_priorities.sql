-- name: whole_number_priorities
-- title: Priorities that are all whole numbers
-- severity: error
-- reads: samples, updates
-- grain: run_id
-- groups: runs
-- needs: sampled_batches
-- requires: samples.priority_new
-- diagnosis: all {writes} priorities that were written back are whole numbers, from {smallest} to
--     {largest}, and the TD errors are not: they are kept in an integer type
-- why: rounding makes most transitions equal and those with small errors 0, which no draw reaches.
-- assumes: at least 100 writes. Priorities of which all are equal, as clipping makes them, are not
--     judged.
-- threshold: exact. A float32 priority above 2^24 is whole by itself, so larger ones are left out.
-- cites: Kaixhin/Rainbow 32c3f4b, instadeepai/flashbax#58

-- A batch is judged by its smallest and largest new priority, then the run draw by draw.
WITH suspects AS (
    SELECT run_id
    FROM shared.sampled_batches
    WHERE smallest_new IS NOT NULL
    GROUP BY run_id
    HAVING bool_and(smallest_new = round(smallest_new) AND largest_new = round(largest_new))
        AND min(smallest_new) < max(largest_new)
        AND max(largest_new) < 16_777_216
)
SELECT
    run_id,
    count(priority_new) AS writes,
    min(priority_new) AS smallest,
    max(priority_new) AS largest
FROM samples
SEMI JOIN suspects USING (run_id)
GROUP BY run_id
HAVING bool_and(priority_new = round(priority_new))
    AND bool_and(td_error = round(td_error)) IS NOT TRUE
    AND count(priority_new) >= 100

-- name: wrong_max_priority
-- title: The logged maximum priority against the largest priority ever written
-- severity: error
-- reads: updates, samples
-- grain: run_id, update_id
-- groups: updates
-- needs: sampled_batches
-- requires: config.insert_priority = running-max, updates.max_priority, samples.priority_new
-- diagnosis: update {update_id} logs the maximum priority {max_priority}, where the largest
--     priority that the updates before it wrote, or 1, is {expected} ({found} updates)
-- why: new transitions enter with this figure; one that falls or is off says that the replay
--     forgot its maximum, lost it on resume, or counts errors that were never written.
-- assumes: the maximum is the one before the update's own write-back, starts at 1, and may fall
--     below 1 at the first write. Nothing is concluded after an update that is missing from the
--     log.
-- threshold: u (21 + 3 abs(ln expected)) of the expected value, u = 2^-24: a trainer may keep the
--     largest error and apply the exponent anew.
-- after: priorities_never_change
-- cites: Schaul et al. 2016, Algorithm 1, line 6; dopamine's JAX sum tree (lost on resume)

WITH so_far AS (
    SELECT
        run_id,
        segment_id,
        update_id,
        max_priority,
        complete,
        coalesce(
            max(largest_new) FILTER (isfinite(largest_new)) OVER (
                PARTITION BY history
                ORDER BY update_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ),
            1
        ) AS largest,
        greatest(1, largest) AS expected
    FROM shared.sampled_batches
)
SELECT run_id, segment_id, update_id, max_priority, largest, expected
FROM so_far
WHERE complete
    AND max_priority IS NOT NULL
    AND (
        abs(max_priority - expected) <= pow(2, -24) * (21 + 3 * ln(expected)) * expected
        OR abs(max_priority - largest)
        <= pow(2, -24) * (21 + 3 * abs(ln(greatest(largest, 1e-30)))) * largest
    ) IS NOT TRUE

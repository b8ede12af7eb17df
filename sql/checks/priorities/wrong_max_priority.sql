-- name: wrong_max_priority
-- title: The logged maximum priority against the largest priority ever written
-- severity: error
-- reads: updates, samples
-- grain: run_id, update_id
-- groups: updates
-- needs: sampled_batches, insert_settings
-- requires: config.insert_priority = running-max, updates.max_priority, samples.priority_new
-- diagnosis: update {update_id} logs the maximum priority {max_priority}, where the largest
--     priority that the updates before it wrote, or {first_priority}, is {expected} ({found}
--     updates)
-- why: new transitions enter with this figure; one that falls or is off says that the replay
--     forgot its maximum, lost it on resume, or counts errors that were never written.
-- assumes: the maximum is the one before the update's own write-back, starts at
--     insert_priority_first, and may fall below it at the first write. Where the run does not state
--     that it is 1, or (1 + epsilon)^alpha, the priority of an error of 1. Nothing is concluded
--     after an update that is missing from the log.
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
        max(largest_new) FILTER (isfinite(largest_new)) OVER (
            PARTITION BY history
            ORDER BY update_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS written
    FROM shared.sampled_batches
),
judged AS (
    SELECT
        s.* EXCLUDE (written),
        i.first_ AS first_priority,
        coalesce(s.written, i.first_) AS largest,
        greatest(i.first_, largest) AS expected,
        greatest(i.other_first, coalesce(s.written, i.other_first)) AS other_expected
    FROM so_far AS s
    JOIN shared.insert_settings AS i USING (run_id)
)
SELECT run_id, segment_id, update_id, max_priority, largest, expected, first_priority
FROM judged
WHERE complete
    AND max_priority IS NOT NULL
    AND NOT list_bool_or(
        list_transform(
            [expected, largest, other_expected],
            lambda x: coalesce(
                abs(max_priority - x) <= pow(2, -24) * (21 + 3 * abs(ln(greatest(x, 1e-30)))) * x,
                false
            )
        )
    )

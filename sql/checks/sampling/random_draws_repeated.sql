-- name: random_draws_repeated
-- title: The random number behind one position of the batch, drawn again
-- severity: error
-- reads: updates
-- grain: run_id, update_id
-- groups: updates = updates
-- requires: updates.probe_mass, updates.probe_batch_index, updates.priority_total
-- diagnosis: position {probe_batch_index} of update {update_id} of run {run_id} was drawn at the
--     same fraction {fraction} of the priority total as in update {update_before} ({found} such
--     updates): the random generator is seeded anew or restored between updates
-- why: the same numbers again and again draw the same places of the buffer: a few transitions are
--     replayed all the time and most never.
-- threshold: equal to 1e-12 of the total, where fresh numbers agree with a chance of 2e-12 for each
--     pair of updates that are compared, neighbours among those that probe the same position.
-- false_alarms: below 1e-6 in a run of 375,000 updates.
-- cites: no report of it in a replay is known; the same in environments is
--     Farama-Foundation/Gymnasium#1468 (seeded anew at every reset).

WITH probes AS (
    SELECT
        run_id,
        update_id,
        any_value(probe_batch_index) AS probe_batch_index,
        any_value(probe_mass / priority_total) AS fraction
    FROM updates
    WHERE priority_total > 0 AND isfinite(priority_total) AND isfinite(probe_mass)
    GROUP BY run_id, update_id
),
compared AS (
    SELECT
        *,
        lag(fraction) OVER same AS fraction_before,
        lag(update_id) OVER same AS update_before
    FROM probes
    WINDOW same AS (PARTITION BY run_id, probe_batch_index ORDER BY update_id)
)
SELECT run_id, update_id, probe_batch_index, fraction, update_before
FROM compared
WHERE abs(fraction - fraction_before) <= 1e-12

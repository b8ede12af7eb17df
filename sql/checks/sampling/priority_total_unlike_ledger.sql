-- name: priority_total_unlike_ledger
-- title: The priority total against all writes that the log has
-- severity: error
-- reads: samples, transitions, updates
-- grain: run_id, update_id
-- groups: updates = updates
-- needs: priority_ledger
-- requires: samples.priority, samples.priority_new, transitions.priority, updates.priority_total,
--     updates.last_transition_id, updates.buffer_size, updates.batch_size
-- params: tolerance DOUBLE = 0.002 from 0
-- diagnosis: before update {update_id} of run {run_id} the tree's total is {priority_total}, but
--     the insertions, write-backs and evictions logged until then leave {ledger}: {cause} (in
--     {found} updates the two differ)
-- why: draws are made in proportion to the tree's leaves over its total. Where the total is not the
--     sum of what was written, every probability and every importance weight is wrong, and the
--     draws cannot be judged: the checks that compare draws with priorities pass over such a run.
-- threshold: u (N + sqrt(w)) of the total, u = 2^-24, and 0.2% at most. N u bounds the error of a
--     float32 running sum over N leaves, sqrt(w) u is twice the drift of a float32 tree that is
--     adjusted by differences after w writes. A float64 tree that is recomputed is exact here.
-- assumes: the log has all transitions that were in the buffer, and every sample of each update; an
--     update for which it has not, and what follows it, is not judged.
-- after: not_a_number, priorities_never_change, priority_not_as_written, priority_total_drifts,
--     slots_out_of_ring_order, write_back_after_overwrite
-- cites: google/flashbax#52, Kaixhin/Rainbow#76 and #81 (sums drift); seen on the trainer's own
--     logs is a difference of 0 in 410,000 updates.

WITH compared AS (
    SELECT
        *,
        priority_total - mass AS excess,
        lag(priority_total - mass, 1, 0) OVER run AS excess_before,
        lag(gain) OVER run AS gain_before,
        bool_and(coalesce(draws = batch_size AND known = buffer_size, false)) OVER run
            AND coalesce(lag(draws = batch_size, 1, true) OVER run, false) AS is_complete,
        least(
            getvariable('tolerance'),
            (buffer_size + sqrt(writes_before)) / 16777216
        ) * mass AS slack
    FROM shared.priority_ledger
    WINDOW run AS (PARTITION BY run_id ORDER BY update_id)
)
SELECT
    run_id,
    update_id,
    priority_total,
    mass AS ledger,
    excess / nullif(mass, 0) AS relative,
    buffer_size,
    CASE
        WHEN abs(excess - excess_before) <= slack
        THEN 'the difference is the one of the update before'
        WHEN abs(excess - excess_before + gain_before) <= slack
        THEN 'the write-backs of the update before are not in the tree (update_priorities)'
        WHEN abs(excess - excess_before + entered) <= slack
        THEN 'the transitions stored since the update before are not in the tree (add)'
        WHEN excess > excess_before
        THEN 'the tree holds more than was written, as where an overwritten slot keeps a leaf or '
            || 'a sum is adjusted twice'
        ELSE 'the tree holds less than was written, as where a write-back is lost or goes to '
            || 'another slot'
    END AS cause
FROM compared
WHERE is_complete AND (abs(excess) <= slack) IS NOT TRUE

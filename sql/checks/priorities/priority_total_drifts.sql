-- name: priority_total_drifts
-- title: The priority total against the sum of the leaves
-- severity: error
-- reads: updates
-- grain: run_id, update_id
-- groups: updates with a leaf sum
-- requires: updates.priority_total, updates.leaf_sum
-- diagnosis: at update {update_id} the priority total is {priority_total} and the leaves add up to
--     {leaf_sum}: they differ by {relative} of it, where sums that are recomputed from their
--     children stay within {bound} ({found} of the updates that give a leaf sum)
-- why: probabilities are priorities over this total. A total that is adjusted by differences
--     drifts from the leaves without bound, and draws then miss the end of the tree or fall past
--     it.
-- threshold: 2 u (log2(capacity) + 1), u = 2^-24: a float32 tree whose nodes are sums of their
--     children is within log2(N) u, and a sum of the leaves in float32 by halves as well. An
--     incremental float32 tree drifts by about sqrt(writes) u / 2, 2e-5 after 600,000 writes.
-- incremental: update_id
-- cites: instadeepai/flashbax#52, Kaixhin/Rainbow#76 and #81

SELECT
    run_id,
    segment_id,
    update_id,
    priority_total,
    leaf_sum,
    abs(priority_total - leaf_sum) / abs(leaf_sum) AS relative,
    2 * pow(2, -24) * (log2(greatest(coalesce(capacity, buffer_size, 1_048_576), 2)) + 1) AS bound
FROM updates
WHERE leaf_sum IS NOT NULL
    AND priority_total IS NOT NULL
    AND isfinite(leaf_sum)
    AND isfinite(priority_total)
    AND (abs(priority_total - leaf_sum) <= bound * abs(leaf_sum)) IS NOT TRUE

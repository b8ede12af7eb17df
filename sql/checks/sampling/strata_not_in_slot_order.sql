-- name: strata_not_in_slot_order
-- title: Strata that do not follow the order of the slots
-- severity: warning
-- reads: samples, updates, runs
-- grain: run_id
-- groups: runs
-- needs: run_settings, batch_order
-- requires: config.sampling = stratified, samples.slot, samples.batch_index
-- diagnosis: in {falling_batches} of {batches} batches of run {run_id} that were looked at, the
--     slots fall at most {most_falls} times from one stratum to the next, so the leaves do not lie
--     in the order of the slots, as in a sum tree that is not padded to a power of two
-- why: the frequencies are still right, but which transitions share a stratum is not what it seems,
--     and code that takes prefix sums of such a tree for sums over slots is wrong.
-- assumes: batch_index is the stratum.
-- threshold: a fall from one slot to the next within a batch, which strata in order do not have,
--     and 1.5 a batch at most on average; more say that the draws are not stratified
--     (batch_not_stratified). Over 20 batches or more.
-- false_alarms: none where its assumption holds.
-- cites: vwxyzjn/cleanrl#546 (a tree of 2 N - 1 nodes over an N that is no power of two: the leaves
--     of one level come before those of the other).

SELECT
    o.run_id,
    o.batches,
    o.falling_batches,
    o.most_falls
FROM shared.batch_order AS o
JOIN shared.run_settings AS settings USING (run_id)
WHERE settings.config ->> '$.sampling' = 'stratified'
    AND o.batches >= 20
    AND o.falls > 0
    AND (o.falls > 1.5 AND o.spread_ratio > 0.5) IS NOT TRUE

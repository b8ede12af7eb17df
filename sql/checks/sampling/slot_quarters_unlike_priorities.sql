-- name: slot_quarters_unlike_priorities
-- title: Stratified draws below a slot against the priority mass there
-- severity: error
-- reads: samples, transitions, updates, runs
-- grain: run_id, split
-- groups: runs
-- needs: run_settings, slot_splits, batch_order
-- requires: config.sampling = stratified, samples.priority, samples.priority_new, samples.slot,
--     samples.batch_index, transitions.priority, transitions.slot, updates.priority_total,
--     updates.last_transition_id, updates.buffer_size, updates.batch_size
-- params: alpha DOUBLE = 6.7e-4 from 0 to 1
-- diagnosis: run {run_id} drew {excess} transitions more from the lower {split} quarters of the
--     ring than the priority mass there predicts, over {batches} batches, where stratified draws
--     vary by {deviation}; a sound sampler is as far off with a chance of at most {chance}
-- why: strata pin the number of draws on either side of a slot to within one, so that a small bias
--     shows early: a wrong exponent in the tree, or masses that are not spread over the whole
--     total.
-- assumes: the log accounts for all priorities (priority_total_unlike_ledger), and the leaves lie
--     in the order of the slots (strata_not_in_slot_order); nothing is found where they do not.
-- threshold: chance at most alpha, with Bennett's bound 2 G exp(-V ((1 + q) ln(1 + q) - q)), G the
--     number of splits, V the sum of f (1 - f) with f the fraction of k P and P the share of the
--     mass, q = abs(excess) / V; V is at least 10. Normal tails gave 3 false alarms in 1,000 runs.
-- false_alarms: at most alpha a run, 1% over the fifteen tests of an audit. None of 294 simulated
--     stratified runs of 400 or 4,000 updates failed it.
-- after: draws_unlike_priorities.one_power
-- cites: Schaul et al. 2016, appendix B.2.1 (strata of equal mass).

WITH measured AS (
    SELECT
        s.run_id,
        s.split,
        s.batches,
        s.excess,
        s.variance_stratified AS variance,
        abs(s.excess) / s.variance_stratified AS q,
        count(*) OVER (PARTITION BY s.run_id) AS groups
    FROM shared.slot_splits AS s
    JOIN shared.batch_order AS o ON o.run_id = s.run_id AND o.most_falls = 0
    JOIN shared.run_settings AS settings ON settings.run_id = s.run_id
    WHERE settings.config ->> '$.sampling' = 'stratified' AND s.variance_stratified >= 10
)
SELECT
    run_id,
    split,
    batches,
    excess,
    sqrt(variance) AS deviation,
    least(1, 2 * groups * exp(-variance * ((1 + q) * ln(1 + q) - q))) AS chance
FROM measured
WHERE 2 * groups * exp(-variance * ((1 + q) * ln(1 + q) - q)) <= getvariable('alpha')

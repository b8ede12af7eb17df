-- name: batch_stratified_unasked
-- title: Batches that are stratified where the config says independent draws
-- severity: error
-- reads: samples, transitions, updates, runs
-- grain: run_id, split
-- groups: runs
-- needs: run_settings, slot_splits
-- requires: config.sampling = independent, samples.priority, samples.priority_new, samples.slot,
--     transitions.priority, transitions.slot, updates.priority_total, updates.last_transition_id,
--     updates.buffer_size, updates.batch_size
-- params: alpha DOUBLE = 6.7e-4 from 0 to 1
-- diagnosis: the config of run {run_id} says independent draws, but the draws from the lower
--     {split} quarters of the ring vary {ratio} times as much as independent ones over {batches}
--     batches (strata: {ratio_stratified}): the draws are stratified
-- why: a setting that does nothing makes two configurations one, and their comparison an error.
-- assumes: the log accounts for all priorities (priority_total_unlike_ledger); nothing is found
--     where it does not.
-- threshold: a variance of at most half that of independent draws, and a chance of at most alpha of
--     so little: G exp(-d^2 / (2 F)), d the sum of the variances less the sum of the squares, F the
--     sum of the fourth moments, which bounds the lower tail of a sum that is never negative.
-- false_alarms: at most alpha a run, 1% over the fifteen tests of an audit. None of 252 simulated
--     independent runs of 400 or 4,000 updates failed it.
-- cites: chainer/chainerrl#567 and #465 (a flag is ignored).

WITH judged AS (
    SELECT
        s.*,
        excess_squared / variance_independent AS ratio,
        variance_stratified / variance_independent AS ratio_stratified,
        count(*) OVER (PARTITION BY s.run_id)
            * exp(-pow(variance_independent - excess_squared, 2) / (2 * fourth_independent))
            AS chance
    FROM shared.slot_splits AS s
    JOIN shared.run_settings AS settings USING (run_id)
    WHERE settings.config ->> '$.sampling' = 'independent' AND variance_independent > 0
)
SELECT
    run_id,
    split,
    batches,
    ratio,
    ratio_stratified,
    chance
FROM judged
WHERE ratio <= 0.5 AND chance <= getvariable('alpha')

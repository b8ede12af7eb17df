-- name: impossible_repeats_stratified
-- title: Repeats in a batch that stratified draws cannot make
-- severity: error
-- reads: raw.samples, raw.updates, raw.runs
-- grain: run_id, segment_id, update_id, transition_id
-- groups: batches = raw.updates
-- needs: run_settings, batch_repeats
-- requires: config.sampling = stratified, samples.transition_id, samples.batch_index,
--     samples.priority, updates.batch_size, updates.priority_total
-- params: tolerance DOUBLE = 0.002 from 0
-- diagnosis: transition {transition_id} stands {draws} times in the batch of update {update_id} of
--     run {run_id}, at positions {first_position} to {last_position}; that takes more than {needed}
--     strata of priority mass, and it has {expected_draws}
-- why: a stratified batch draws once from each of k equal slices of the priority mass. A
--     transition can fill neighbouring slices only, and no more of them than it has mass for;
--     anything else says that the draws are not stratified or that the tree is corrupt.
-- after: draws_unlike_priorities.one_power, priority_total_unlike_ledger
-- cites: Schaul et al. 2016, appendix B.2.1; openai/baselines#527 (not stratified as configured).
--     A transition with probability p covers k p slices' worth of one interval, so draws at
--     positions a < b need k p > b - a - 1. Simulated in 60,000 batches of 32 from 100 to 10,000
--     exponential and Pareto priorities that change when drawn: none broke it. The tolerance is
--     the largest relative error of a float32 sum that a sound sampler shows, a plain running sum
--     over a million leaves.

SELECT
    r.run_id,
    r.segment_id,
    r.update_id,
    r.transition_id,
    r.draws,
    r.first_position,
    r.last_position,
    r.last_position - r.first_position - 1 AS needed,
    r.expected_draws,
    r.priority
FROM shared.batch_repeats AS r
JOIN shared.run_settings AS settings USING (run_id)
WHERE settings.config ->> '$.sampling' = 'stratified'
    AND r.expected_draws * (1 + getvariable('tolerance')) < r.last_position - r.first_position - 1

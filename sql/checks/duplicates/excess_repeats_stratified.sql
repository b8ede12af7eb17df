-- name: excess_repeats_stratified
-- title: Repeats in a batch beyond what stratified draws predict
-- severity: error
-- reads: raw.samples, raw.updates, raw.runs
-- grain: run_id
-- groups: runs
-- needs: run_settings, batch_repeats
-- requires: config.sampling = stratified, samples.transition_id, samples.batch_index,
--     samples.priority, updates.batch_size, updates.priority_total
-- params: alpha DOUBLE = 6.7e-4 from 0 to 1
-- diagnosis: run {run_id} drew a transition again within its batch {observed} times, where its
--     priorities predict {expected} for {draws} draws, with slack {bound}; a sound sampler gets
--     there with a chance of at most {chance}
-- why: strata keep the draws of a batch apart. Copies beyond the prediction say that the draws are
--     not stratified, or that the batch is filled up with copies.
-- assumes: the priority that a sample shows is the one that it was drawn by
-- threshold: a chance of at most alpha, 1% over the fifteen tests of an audit. With x = k p, a
--     transition has on average x^3/6 pairs of draws in a batch for x < 1, and x (x - 1)/2 + 1/6
--     for x >= 1, if its interval begins anywhere in a stratum; for each of its x draws that is
--     x^2/6, or (x - 1)/2 + 1/(6 x). The slack of 1.5 is for leaves whose places in the strata are
--     not random. Poisson tail, its exponent divided by 1.05.
-- false_alarms: at most alpha a run; none of 300 simulated sound runs of 200 batches with changing
--     priorities. Summed over draws, 32 strata, 4,000 batches, on exponential, Pareto (0.8 and 1.5)
--     and one-giant priorities: observed over predicted 0.988 to 1.000, variance over mean 0.35 to
--     0.93. With equal leaves in fixed places 0 to 1.07.
-- after: draws_unlike_priorities.one_power, priority_total_unlike_ledger
-- cites: Schaul et al. 2016, appendix B.2.1

WITH updates AS (
    SELECT
        run_id,
        segment_id,
        update_id,
        any_value(batch_size) AS batch_size,
        any_value(priority_total) AS priority_total
    FROM raw.updates
    JOIN shared.run_settings AS settings USING (run_id)
    WHERE settings.config ->> '$.sampling' = 'stratified'
    GROUP BY ALL
),
draws AS (
    SELECT
        s.run_id,
        u.batch_size * s.priority / u.priority_total AS x
    FROM raw.samples AS s
    JOIN updates AS u
        ON u.run_id = s.run_id
        AND u.segment_id IS NOT DISTINCT FROM s.segment_id
        AND u.update_id = s.update_id
    WHERE isfinite(s.priority) AND s.priority > 0 AND u.priority_total > 0
),
predicted AS (
    SELECT
        run_id,
        count(*) AS draws,
        sum(CASE WHEN x < 1 THEN x * x / 6 ELSE (x - 1) / 2 + 1 / (6 * x) END) AS expected
    FROM draws
    GROUP BY run_id
),
counted AS (
    SELECT run_id, sum(draws * (draws - 1) / 2) AS observed
    FROM shared.batch_repeats
    WHERE isfinite(expected_draws) AND expected_draws > 0
    GROUP BY run_id
)
SELECT
    run_id,
    draws,
    observed::BIGINT AS observed,
    expected,
    1.5 * expected AS bound,
    exp(-(observed * ln(observed / bound) - observed + bound) / 1.05) AS chance
FROM predicted
JOIN counted USING (run_id)
WHERE expected > 0 AND observed > bound AND chance <= getvariable('alpha')

-- name: excess_repeats_independent
-- title: Repeats in a batch beyond what independent draws predict
-- severity: error
-- reads: raw.samples, raw.updates, raw.runs
-- grain: run_id
-- groups: runs
-- needs: run_settings, batch_repeats
-- requires: config.sampling = independent, samples.transition_id, samples.batch_index,
--     samples.priority, updates.batch_size, updates.priority_total
-- params: alpha DOUBLE = 6.7e-4 from 0 to 1
-- diagnosis: run {run_id} drew a transition again within its batch {observed} times, where its
--     priorities predict {expected} for {draws} draws; a sound sampler gets there with a chance of
--     at most {chance}
-- why: copies beyond the prediction weight a few transitions more than their priorities say, and
--     point to a batch that is filled up with copies or to a random generator that is reused.
-- assumes: the priority that a sample shows is the one that it was drawn by
-- threshold: a chance of at most alpha, 1% over the fifteen tests of an audit. Pairs of draws of one
--     item are predicted by k (k - 1) / 2 times the sum of squared probabilities, and the mean
--     probability of the drawn items estimates that sum without bias. Items with k p above 0.1 are
--     left out on both sides: their counts are not Poisson. Poisson tail, its exponent divided by
--     1.05.
-- false_alarms: at most alpha a run; none of 300 simulated sound runs of 200 batches with changing
--     priorities. Batches of 32 over exponential and Pareto priorities, 4,000 updates each, gave
--     observed over predicted 0.97 to 1.06, within the noise of about 1,000 pairs.
-- after: draws_unlike_priorities.one_power

WITH updates AS (
    SELECT
        run_id,
        segment_id,
        update_id,
        any_value(batch_size) AS batch_size,
        any_value(priority_total) AS priority_total
    FROM raw.updates
    JOIN shared.run_settings AS settings USING (run_id)
    WHERE settings.config ->> '$.sampling' = 'independent'
    GROUP BY ALL
),
predicted AS (
    SELECT
        s.run_id,
        count(*) AS draws,
        sum((u.batch_size - 1) / 2 * s.priority / u.priority_total) AS expected
    FROM raw.samples AS s
    JOIN updates AS u
        ON u.run_id = s.run_id
        AND u.segment_id IS NOT DISTINCT FROM s.segment_id
        AND u.update_id = s.update_id
    WHERE isfinite(s.priority)
        AND u.batch_size * s.priority / nullif(u.priority_total, 0) BETWEEN 0 AND 0.1
    GROUP BY s.run_id
),
counted AS (
    SELECT run_id, sum(draws * (draws - 1) / 2) AS observed
    FROM shared.batch_repeats
    WHERE expected_draws BETWEEN 0 AND 0.1
    GROUP BY run_id
)
SELECT
    run_id,
    draws,
    observed::BIGINT AS observed,
    expected,
    exp(-(observed * ln(observed / expected) - observed + expected) / 1.05) AS chance
FROM predicted
JOIN counted USING (run_id)
WHERE expected > 0 AND observed > expected AND chance <= getvariable('alpha')

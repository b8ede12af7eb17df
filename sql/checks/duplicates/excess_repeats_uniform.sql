-- name: excess_repeats_uniform
-- title: Repeats in a batch beyond what uniform draws predict
-- severity: error
-- reads: raw.samples, raw.updates, raw.runs
-- grain: run_id
-- groups: runs
-- needs: run_settings, batch_repeats
-- requires: config.sampling = uniform, samples.transition_id, samples.batch_index,
--     updates.buffer_size
-- params: alpha DOUBLE = 6.7e-4 from 0 to 1
-- diagnosis: run {run_id} drew a transition again within its batch {observed} times, where uniform
--     draws from buffers of its sizes predict {expected} for {draws} draws; a sound sampler gets
--     there with a chance of at most {chance}
-- why: copies beyond the prediction say that the draws do not reach the whole buffer, that they
--     are not uniform, or that the batch is filled up with copies.
-- threshold: a chance of at most alpha, 1% over the fifteen tests of an audit. Of k uniform draws
--     with replacement from N, k (k - 1) / (2 N) pairs are expected to coincide. Poisson tail, its
--     exponent divided by 1.05; without replacement there are none and the test holds all the more.
-- false_alarms: at most alpha a run; none of 300 simulated sound runs of 200 batches

WITH updates AS (
    SELECT run_id, segment_id, update_id, any_value(buffer_size) AS buffer_size
    FROM raw.updates
    JOIN shared.run_settings AS settings USING (run_id)
    WHERE settings.config ->> '$.sampling' = 'uniform'
    GROUP BY ALL
),
batches AS (
    SELECT run_id, segment_id, update_id, count(*) AS draws
    FROM raw.samples
    WHERE transition_id IS NOT NULL AND batch_index IS NOT NULL
    GROUP BY ALL
),
predicted AS (
    SELECT
        b.run_id,
        sum(b.draws)::BIGINT AS draws,
        sum(b.draws * (b.draws - 1) / 2 / u.buffer_size) AS expected
    FROM batches AS b
    JOIN updates AS u
        ON u.run_id = b.run_id
        AND u.segment_id IS NOT DISTINCT FROM b.segment_id
        AND u.update_id = b.update_id
    WHERE u.buffer_size > 0
    GROUP BY b.run_id
),
counted AS (
    SELECT run_id, sum(draws * (draws - 1) / 2) AS observed
    FROM shared.batch_repeats
    WHERE buffer_size > 0
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

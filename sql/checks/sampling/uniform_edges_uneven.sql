-- name: uniform_edges_uneven
-- title: Uniform draws of the newest and oldest transition and of the first and last slot
-- severity: error
-- reads: samples, updates, runs
-- grain: run_id, place
-- groups: runs
-- needs: uniform_bins
-- requires: config.sampling = uniform, samples.slot, samples.transition_id, updates.buffer_size,
--     updates.last_transition_id
-- params: alpha DOUBLE = 6.7e-4 from 0 to 1
-- diagnosis: the {place} was drawn {observed} times in run {run_id}, where uniform draws predict
--     {expected} of {draws}; a sound sampler is as far off with a chance of at most {chance}
-- why: bounds that are off by one leave out one transition at a time, and read a slot that is not
--     filled or is being overwritten at the other end.
-- threshold: chance at most alpha, with 2 G exp(-n KL) as the bound over the four places; one that
--     is never drawn is seen from 9.4 expected draws on.
-- false_alarms: at most alpha a run, 1% over the fifteen tests of an audit. None of 254 simulated
--     uniform runs of 400 or 4,000 updates failed it.
-- after: batch_repeated, buffer_size_unlike_ids, drawn_slot_unlike_stored, slot_outside_buffer,
--     transition_not_in_buffer
-- cites: hill-a/stable-baselines#941, openai/baselines#170 and #174 (the last item cannot be
--     drawn).

WITH places AS (
    SELECT
        run_id,
        CASE
            WHEN kind = 'age' AND bin = 17 THEN 'newest transition'
            WHEN kind = 'age' THEN 'oldest transition'
            WHEN bin = 17 THEN 'first slot'
            ELSE 'last filled slot'
        END AS place,
        observed,
        expected,
        sum(expected) FILTER (bin < 17) OVER (PARTITION BY run_id, kind) AS draws,
        bin >= 17 AS is_edge
    FROM shared.uniform_bins
),
judged AS (
    SELECT
        *,
        CASE WHEN observed > 0 THEN observed * ln(observed / expected) ELSE 0 END
            + CASE
                WHEN draws > observed AND draws > expected
                THEN (draws - observed) * ln((draws - observed) / (draws - expected))
                ELSE 0
            END AS exponent
    FROM places
    WHERE is_edge AND expected > 0
)
SELECT
    run_id,
    place,
    observed::BIGINT AS observed,
    expected,
    draws::BIGINT AS draws,
    least(1, 2 * 4 * exp(-exponent)) AS chance
FROM judged
WHERE 2 * 4 * exp(-exponent) <= getvariable('alpha')

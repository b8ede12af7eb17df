-- name: uniform_slots_uneven
-- title: Uniform draws over the slots of the buffer
-- severity: error
-- reads: samples, updates, runs
-- grain: run_id
-- groups: runs
-- needs: uniform_bins
-- requires: config.sampling = uniform, samples.slot, updates.buffer_size,
--     updates.last_transition_id
-- params: alpha DOUBLE = 6.7e-4
-- diagnosis: the {draws} uniform draws of run {run_id} fall unevenly on the slots: of seventeen
--     equal parts of the buffer, part {worst} has {observed} where {expected} are expected, and
--     chi-square is {chi_square} on 16 degrees of freedom (chance {chance})
-- why: part of the buffer is drawn too seldom or never, so the agent learns from fewer transitions
--     than it stores.
-- threshold: chance at most alpha, the exact tail of chi-square on 16 degrees of freedom, over
--     1,000 draws or more. The place of a draw is (slot + 1/2) / N with the size N of that update,
--     and the expectation counts the slots in each part, because the buffer grows.
-- false_alarms: at most alpha a run, 1% over the fifteen tests of an audit; draws without
--     replacement vary less. 1 of 254 simulated uniform runs of 400 or 4,000 updates failed it,
--     with chance 4.8e-4.
-- cites: hill-a/stable-baselines#941, openai/baselines#170 and #174 (the last items cannot be
--     drawn).

WITH summed AS (
    SELECT
        run_id,
        sum(observed)::BIGINT AS draws,
        sum(pow(observed - expected, 2) / expected) AS chi_square,
        arg_max(bin + 1, pow(observed - expected, 2) / expected) AS worst,
        arg_max(observed, pow(observed - expected, 2) / expected)::BIGINT AS observed,
        arg_max(expected, pow(observed - expected, 2) / expected) AS expected
    FROM shared.uniform_bins
    WHERE kind = 'slot' AND bin < 17 AND expected > 0
    GROUP BY run_id
    HAVING sum(observed) >= 1000 AND count(*) = 17
)
SELECT
    *,
    exp(-chi_square / 2)
        * list_sum([pow(chi_square / 2, j) / gamma(j + 1) FOR j IN range(8)]) AS chance
FROM summed
WHERE chance <= getvariable('alpha')

-- name: inverse_probabilities_above_one
-- title: Mean of 1 / (N p) over the draws
-- severity: error
-- reads: samples, updates
-- grain: run_id
-- groups: runs
-- needs: draw_groups
-- requires: samples.priority, updates.priority_total, updates.buffer_size
-- params: alpha DOUBLE = 6.7e-4 from 0 to 1
-- diagnosis: over {draws} draws of run {run_id} the mean of 1 / (N p), with p = priority / total
--     and larger values counted as 5, is {mean}, where a sampler that draws in proportion to the
--     priorities has at most 1; it gets there with a chance of at most {chance}
-- why: transitions of low priority are drawn more often than their priorities say, as by a uniform
--     sampler under a prioritized config. Importance weights then correct a bias that is not there.
-- threshold: chance at most alpha, with Bernstein's bound exp(-n x^2 / (2 (mean w^2 + 5 x / 3))), x
--     the mean less 1. One side only: the tail of 1 / (N p) is hardly ever drawn, so the mean of a
--     sound run lies below 1 (a test of both sides fails 10 to 68% of sound runs).
-- false_alarms: at most alpha a run, 1% over the fifteen tests of an audit. None of 546 simulated
--     prioritized runs of 400 or 4,000 updates failed it.
-- cites: Schaul et al. 2016, section 3.4; ShangtongZhang/DeepRL#85, higgsfield/RL-Adventure#11
--     (prioritized in name only).

WITH summed AS (
    SELECT
        run_id,
        sum(draws) AS draws,
        sum(inverse) / sum(draws) AS mean,
        sum(inverse_squared) / sum(draws) AS mean_square
    FROM shared.draw_groups
    WHERE by_priority
    GROUP BY run_id
)
SELECT
    run_id,
    draws::BIGINT AS draws,
    mean,
    exp(-draws * pow(mean - 1, 2) / (2 * (mean_square + 5 * (mean - 1) / 3))) AS chance
FROM summed
WHERE mean > 1 AND chance <= getvariable('alpha')

-- name: draws_unlike_priorities
-- title: Draws by priority against priority over total
-- severity: error
-- reads: samples, transitions, updates
-- grain: run_id, bucket
-- groups: runs
-- needs: expected_draws
-- requires: samples.priority, samples.priority_new, transitions.priority, updates.priority_total,
--     updates.last_transition_id, updates.buffer_size, updates.batch_size
-- params: alpha DOUBLE = 6.7e-4 from 0 to 1
-- diagnosis: transitions of priority {low} to {high} were drawn {observed} times in run {run_id},
--     where their priorities over the total predict {expected} of {total} draws; a sound sampler is
--     as far off with a chance of at most {chance}. Over all priorities the draws grow {fit}
--     like priority to the power of {power}. The priorities in the log add up to the total at every
--     update, so that the fault is in the drawing
-- why: the importance weights undo the bias of draws in proportion to the priorities. Of any other
--     draws, wrong exponent, broken tree or uniform draws, the learned values stay biased.
-- assumes: the log accounts for all priorities (priority_total_unlike_ledger); nothing is found
--     where it does not.
-- threshold: chance at most alpha, with 2 G exp(-n KL) as the bound over the G buckets of half a
--     power of two; a bucket that is never drawn is seen from about 11 expected draws on, a
--     relative bias d from 46/d^2 on. The power is a fit over the buckets: of 13 simulated runs of
--     600 updates that drew by powers from 0 to 3, its estimate was nearer to 1 in all. There it
--     explained 87% of the departure or more, and 76% or less where slots or ages were preferred.
-- false_alarms: at most alpha a run, 1% over the fifteen tests of an audit. None of 546 simulated
--     prioritized runs of 400 or 4,000 updates failed it.
-- cites: Schaul et al. 2016, eq. 1; ShangtongZhang/DeepRL#85, higgsfield/RL-Adventure#11
--     (prioritized in name only).

-- power: least squares of ln(O / E) over the logarithm of the priority, weighted by E, plus 1.
-- one_power: whether that line explains the departure, as it does where the exponent is wrong. A
-- power below 0, by more than three standard errors, is none: what cannot be drawn keeps the high
-- priority that it was inserted with.
WITH tested AS (
    SELECT
        *,
        member * ln(2) / 2 AS x,
        CASE WHEN observed > 0 THEN ln(observed / expected) END AS y
    FROM shared.expected_draws
    WHERE kind = 'priority'
),
powers AS (
    SELECT
        run_id,
        sum(expected) AS weight,
        sum(expected * x * y) * weight - sum(expected * x) * sum(expected * y) AS xy,
        nullif(sum(expected * x * x) * weight - pow(sum(expected * x), 2), 0) AS xx,
        nullif(sum(expected * y * y) * weight - pow(sum(expected * y), 2), 0) AS yy,
        1 + xy / xx AS power,
        coalesce(
            power + 3 * sqrt(weight / xx) > 0 AND xy * xy / xx / yy >= 0.82, false
        ) AS one_power
    FROM tested
    WHERE y IS NOT NULL
    GROUP BY run_id
)
SELECT
    t.run_id,
    t.member AS bucket,
    pow(2, t.member / 2) AS low,
    pow(2, (t.member + 1) / 2) AS high,
    t.observed::BIGINT AS observed,
    t.expected,
    t.total::BIGINT AS total,
    least(1, 2 * t.groups * exp(-t.exponent)) AS chance,
    p.power,
    coalesce(p.one_power, false) AS one_power,
    if(one_power, 'roughly', 'hardly') AS fit
FROM tested AS t
LEFT JOIN powers AS p USING (run_id)
WHERE 2 * t.groups * exp(-t.exponent) <= getvariable('alpha')

-- name: draws_unlike_priorities
-- title: Draws by priority against priority over total
-- severity: error
-- reads: samples, transitions, updates
-- grain: run_id, bucket
-- groups: runs
-- needs: expected_draws
-- requires: samples.priority, samples.priority_new, transitions.priority, updates.priority_total,
--     updates.last_transition_id, updates.buffer_size, updates.batch_size
-- params: alpha DOUBLE = 6.7e-4
-- diagnosis: transitions of priority {low} to {high} were drawn {observed} times in run {run_id}, where
--     their priorities over the total predict {expected} of {total} draws; a sound sampler is as far
--     off with a chance of at most {chance}
-- why: the importance weights undo the bias of draws in proportion to the priorities. Of any other
--     draws, wrong exponent, broken tree or uniform draws, the learned values stay biased.
-- assumes: the log accounts for all priorities (priority_total_unlike_ledger); nothing is found where
--     it does not.
-- threshold: chance at most alpha, with 2 G exp(-n KL) as the bound over the G buckets of half a power
--     of two; a bucket that is never drawn is seen from about 11 expected draws on, a relative bias d
--     from 46/d^2 on.
-- false_alarms: at most alpha a run, 1% over the fifteen tests of an audit.
-- cites: Schaul et al. 2016, eq. 1; ShangtongZhang/DeepRL#85, higgsfield/RL-Adventure#11
--     (prioritized in name only).

SELECT
    run_id,
    member AS bucket,
    pow(2, member / 2) AS low,
    pow(2, (member + 1) / 2) AS high,
    observed::BIGINT AS observed,
    expected,
    total::BIGINT AS total,
    least(1, 2 * groups * exp(-exponent)) AS chance
FROM shared.expected_draws
WHERE kind = 'priority' AND 2 * groups * exp(-exponent) <= getvariable('alpha')

-- name: newest_transition_unlike_priority
-- title: Draws of the newest transition against its priority over the total
-- severity: error
-- reads: samples, transitions, updates
-- grain: run_id
-- groups: runs
-- needs: expected_draws
-- requires: samples.priority, samples.priority_new, transitions.priority, updates.priority_total,
--     updates.last_transition_id, updates.buffer_size, updates.batch_size
-- params: alpha DOUBLE = 6.7e-4 from 0 to 1
-- diagnosis: the newest transition was drawn {observed} times by the first update after it was
--     stored in run {run_id}, where its insert priority predicts {expected}; a sound sampler is as
--     far off with a chance of at most {chance}
-- why: a sampler that cannot draw the last item, or draws it always, has its bounds off by one: the
--     same mistake reads a slot that is being overwritten once the ring is full.
-- assumes: the log accounts for all priorities (priority_total_unlike_ledger); nothing is found
--     where it does not.
-- threshold: chance at most alpha, with 2 exp(-n KL) as the bound; a newest transition that is
--     never drawn is seen from 8 expected draws on.
-- false_alarms: at most alpha a run, 1% over the fifteen tests of an audit. None of 546 simulated
--     prioritized runs of 400 or 4,000 updates failed it.
-- after: draws_unlike_priorities.one_power
-- cites: hill-a/stable-baselines#941, openai/baselines#170 and #174 (the last item cannot be
--     drawn).

SELECT
    run_id,
    observed::BIGINT AS observed,
    expected,
    least(1, 2 * groups * exp(-exponent)) AS chance
FROM shared.expected_draws
WHERE kind = 'newest' AND 2 * groups * exp(-exponent) <= getvariable('alpha')

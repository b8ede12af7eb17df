-- name: edge_slots_unlike_priorities
-- title: Draws of the first and the last slot against priority over total
-- severity: error
-- reads: samples, transitions, updates
-- grain: run_id, slot
-- groups: runs
-- needs: expected_draws
-- requires: samples.priority, samples.priority_new, transitions.priority, transitions.slot,
--     updates.priority_total, updates.last_transition_id, updates.buffer_size, updates.batch_size
-- params: alpha DOUBLE = 6.7e-4 from 0 to 1
-- diagnosis: slot {slot}, at the edge of the ring, was drawn {observed} times in run {run_id},
--     where the priorities in it predict {expected}; a sound sampler is as far off with a chance of
--     at most {chance}
-- why: an index that is off by one in the sum tree or in the bounds of a draw shows at the edges of
--     the ring first, and hints that other indices are off as well.
-- assumes: the log accounts for all priorities (priority_total_unlike_ledger); nothing is found
--     where it does not.
-- threshold: chance at most alpha, with 2 G exp(-n KL) as the bound over both slots; one that is
--     never drawn is seen from 8.7 expected draws on.
-- false_alarms: at most alpha a run, 1% over the fifteen tests of an audit. None of 546 simulated
--     prioritized runs of 400 or 4,000 updates failed it.
-- after: draws_unlike_priorities.one_power
-- cites: hill-a/stable-baselines#941, openai/baselines#170 and #174 (the last item cannot be
--     drawn).

SELECT
    run_id,
    member AS slot,
    observed::BIGINT AS observed,
    expected,
    least(1, 2 * groups * exp(-exponent)) AS chance
FROM shared.expected_draws
WHERE kind = 'edge' AND 2 * groups * exp(-exponent) <= getvariable('alpha')

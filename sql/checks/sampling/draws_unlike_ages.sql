-- name: draws_unlike_ages
-- title: Draws by age against priority over total
-- severity: error
-- reads: samples, transitions, updates
-- grain: run_id, age
-- groups: runs
-- needs: update_clock, expected_draws
-- requires: samples.priority, samples.priority_new, transitions.priority, updates.priority_total,
--     updates.last_transition_id, updates.buffer_size, updates.batch_size
-- params: alpha DOUBLE = 6.7e-4 from 0 to 1
-- diagnosis: transitions stored {low} to {high} before the newest were drawn {observed} times in
--     run {run_id}, where their priorities predict {expected} of {total} draws; a sound sampler is
--     as far off with a chance of at most {chance}
-- why: replay is there to break the order of time. A sampler that prefers recent or old transitions
--     learns from a part of the buffer only, and its importance weights do not know.
-- assumes: the log accounts for all priorities (priority_total_unlike_ledger); nothing is found
--     where it does not.
-- threshold: chance at most alpha, with 2 G exp(-n KL) as the bound over the G differences between
--     the eighth of the ring that was being filled and the one that the transition was stored in.
-- false_alarms: at most alpha a run, 1% over the fifteen tests of an audit. None of 546 simulated
--     prioritized runs of 400 or 4,000 updates failed it.
-- after: draws_unlike_priorities.one_power
-- cites: Schaul et al. 2016, eq. 1; hill-a/stable-baselines#941 and openai/baselines#170 (a part of
--     the buffer is never drawn).

SELECT
    e.run_id,
    e.member AS age,
    greatest(0, e.member - 1) * c.block AS low,
    (e.member + 1) * c.block AS high,
    e.observed::BIGINT AS observed,
    e.expected,
    e.total::BIGINT AS total,
    least(1, 2 * e.groups * exp(-e.exponent)) AS chance
FROM shared.expected_draws AS e
JOIN (SELECT run_id, any_value(block) AS block FROM shared.update_clock GROUP BY run_id) AS c
    USING (run_id)
WHERE e.kind = 'age' AND 2 * e.groups * exp(-e.exponent) <= getvariable('alpha')

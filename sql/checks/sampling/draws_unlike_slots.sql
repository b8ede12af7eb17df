-- name: draws_unlike_slots
-- title: Draws by part of the ring against priority over total
-- severity: error
-- reads: samples, transitions, updates
-- grain: run_id, octile
-- groups: runs
-- needs: update_clock, expected_draws
-- requires: samples.priority, samples.priority_new, transitions.priority, transitions.slot,
--     updates.priority_total, updates.last_transition_id, updates.buffer_size, updates.batch_size
-- params: alpha DOUBLE = 6.7e-4 from 0 to 1
-- diagnosis: slots {low} to {high} were drawn {observed} times in run {run_id}, where the
--     priorities in them predict {expected} of {total} draws; a sound sampler is as far off with a
--     chance of at most {chance}
-- why: a part of the ring that is drawn too seldom or never is memory that is paid for and not
--     used, and the rest is replayed too often.
-- assumes: the log accounts for all priorities (priority_total_unlike_ledger); nothing is found
--     where it does not.
-- threshold: chance at most alpha, with 2 G exp(-n KL) as the bound over the eighths of the ring;
--     one that is never drawn is seen from about 10 expected draws on.
-- false_alarms: at most alpha a run, 1% over the fifteen tests of an audit. None of 546 simulated
--     prioritized runs of 400 or 4,000 updates failed it.
-- after: draws_unlike_priorities.one_power
-- cites: Schaul et al. 2016, eq. 1; vwxyzjn/cleanrl#546 (a tree that is not padded).

SELECT
    e.run_id,
    e.member AS octile,
    ceil(e.member * c.span / 8)::BIGINT AS low,
    ceil((e.member + 1) * c.span / 8)::BIGINT - 1 AS high,
    e.observed::BIGINT AS observed,
    e.expected,
    e.total::BIGINT AS total,
    least(1, 2 * e.groups * exp(-e.exponent)) AS chance
FROM shared.expected_draws AS e
JOIN (SELECT run_id, any_value(span) AS span FROM shared.update_clock GROUP BY run_id) AS c
    USING (run_id)
WHERE e.kind = 'slot' AND 2 * e.groups * exp(-e.exponent) <= getvariable('alpha')

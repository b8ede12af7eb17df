-- name: first_replay_unlike_priority
-- title: Time to the first replay against the insert priority over the total
-- severity: error
-- reads: samples, transitions, updates
-- grain: run_id, bin
-- groups: runs
-- needs: expected_draws
-- requires: samples.priority, samples.priority_new, transitions.priority, updates.priority_total,
--     updates.last_transition_id, updates.buffer_size, updates.batch_size
-- params: alpha DOUBLE = 6.7e-4 from 0 to 1
-- diagnosis: transitions that had waited for {low} to {high} expected draws had {observed} first
--     replays in run {run_id}, where {expected} are due; a sound sampler is as far off with a
--     chance of at most {chance}
-- why: a transition's insert priority says how soon it is replayed for the first time. Where a
--     share of the transitions is out of reach, or new ones are drawn by another rule, this is
--     where it shows.
-- assumes: the log accounts for all priorities (priority_total_unlike_ledger); nothing is found
--     where it does not.
-- threshold: chance at most alpha, with 2 G exp(-n KL) as the bound over nine bins of the waiting
--     time. On the clock on which one draw is expected in a unit of time the first replay has the
--     hazard 1; a draw whose update spans two bins is split between them in proportion.
-- false_alarms: at most alpha a run, 1% over the fifteen tests of an audit. None of 546 simulated
--     prioritized runs of 400 or 4,000 updates failed it.
-- after: draws_unlike_priorities.one_power
-- cites: Schaul et al. 2016, section 3.3 (new transitions are sure to be seen soon).

SELECT
    run_id,
    member AS bin,
    [0, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3][member] AS low,
    [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 'inf'::DOUBLE][member] AS high,
    observed,
    expected,
    least(1, 2 * groups * exp(-exponent)) AS chance
FROM shared.expected_draws
WHERE kind = 'wait' AND 2 * groups * exp(-exponent) <= getvariable('alpha')

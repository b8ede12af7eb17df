-- name: uniform_slots_uneven
-- title: Uniform draws over the slots of the buffer
-- severity: error
-- reads: samples, updates, runs
-- grain: run_id
-- groups: runs
-- needs: uniform_unevenness
-- requires: config.sampling = uniform, samples.slot, updates.buffer_size,
--     updates.last_transition_id
-- params: alpha DOUBLE = 6.7e-4 from 0 to 1
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
-- after: batch_repeated, buffer_size_unlike_ids, drawn_slot_unlike_stored, slot_outside_buffer,
--     transition_not_in_buffer
-- cites: hill-a/stable-baselines#941, openai/baselines#170 and #174 (the last items cannot be
--     drawn).

SELECT * EXCLUDE (kind)
FROM shared.uniform_unevenness
WHERE kind = 'slot' AND chance <= getvariable('alpha')

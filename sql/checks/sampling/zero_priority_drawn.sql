-- name: zero_priority_drawn
-- title: Draws of transitions whose priority is zero
-- severity: error
-- reads: samples, updates
-- grain: run_id, update_id, batch_index
-- groups: samples = samples
-- needs: wrong_draws
-- requires: samples.priority
-- incremental: update_id
-- diagnosis: update {update_id} of run {run_id} drew transition {transition_id} from slot {slot}
--     although its priority is {priority}, so its probability is zero ({found} draws in all)
-- why: (N p)^-beta is infinite for p = 0. Divided by that maximum all other weights of the batch
--     are zero, and the update learns from nothing else.
-- cites: ReinforcementLearningTrajectories.jl#59 (a zero-priority slot is sampled).

SELECT run_id, update_id, batch_index, transition_id, slot, priority
FROM shared.wrong_draws
WHERE priority <= 0

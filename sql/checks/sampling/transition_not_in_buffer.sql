-- name: transition_not_in_buffer
-- title: Draws of transitions that were not in the buffer
-- severity: error
-- reads: samples, updates
-- grain: run_id, update_id, batch_index
-- groups: samples = samples
-- needs: wrong_draws
-- requires: samples.transition_id, updates.last_transition_id, updates.buffer_size
-- incremental: update_id
-- diagnosis: update {update_id} of run {run_id} drew transition {transition_id}, which {was}: the
--     buffer held {oldest_id} to {last_id} ({found} draws in all)
-- why: the slot no longer holds, or does not yet hold, what the batch takes it for, so states,
--     actions and rewards of different transitions are mixed, and the priority goes to the wrong
--     one.
-- after: batch_repeated, buffer_size_unlike_ids, drawn_slot_unlike_stored, slot_outside_buffer,
--     write_back_after_overwrite
-- cites: vwxyzjn/cleanrl#511, ray-project/ray#6534, pytorch/rl#4041 (overwritten slots).

SELECT
    run_id,
    update_id,
    batch_index,
    transition_id,
    slot,
    oldest_id,
    last_id,
    CASE WHEN transition_id > last_id THEN 'had not been stored yet' ELSE 'had been overwritten' END
        AS was
FROM shared.wrong_draws
WHERE transition_id NOT BETWEEN oldest_id AND last_id

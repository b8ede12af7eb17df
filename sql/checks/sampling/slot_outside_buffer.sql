-- name: slot_outside_buffer
-- title: Draws from slots that were not filled
-- severity: error
-- reads: samples, updates
-- grain: run_id, update_id, batch_index
-- groups: samples = samples
-- needs: wrong_draws
-- requires: samples.slot, updates.buffer_size
-- incremental: update_id
-- diagnosis: update {update_id} of run {run_id} drew slot {slot} while the buffer held
--     {buffer_size} transitions of a capacity of {capacity}, so the slot {was} ({found} draws in
--     all)
-- why: what lies in a slot that was never filled is zeros or the remains of other memory; the agent
--     learns from a transition that never happened.
-- after: buffer_size_unlike_ids
-- cites: huggingface/lerobot#918 (an uninitialised slot is sampled);
--     MorvanZhou/Reinforcement-learning-with-tensorflow#54 (a NaN leads the search past the last
--     leaf).

SELECT
    run_id,
    update_id,
    batch_index,
    transition_id,
    slot,
    buffer_size,
    capacity,
    CASE
        WHEN slot < 0 THEN 'does not exist'
        WHEN slot >= capacity THEN 'lies past the end of the ring'
        ELSE 'had not been filled yet'
    END AS was
FROM shared.wrong_draws
WHERE slot NOT BETWEEN 0 AND buffer_size - 1

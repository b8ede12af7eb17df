-- name: drawn_slot_unlike_stored
-- title: Slot and generation of draws against those of the stored transitions
-- severity: error
-- reads: samples, updates, transitions
-- grain: run_id, update_id, batch_index
-- groups: samples = samples
-- needs: wrong_draws
-- requires: samples.slot, transitions.slot
-- diagnosis: update {update_id} of run {run_id} drew transition {transition_id} from slot {slot},
--     generation {generation}, but it was stored in slot {stored_slot}, generation
--     {stored_generation} ({found} draws in all)
-- why: the index from slots to transitions is wrong, so a priority that is written to the slot
--     changes another transition than the one that was learned from.
-- after: slots_out_of_ring_order
-- cites: vwxyzjn/cleanrl#511, ray-project/ray#6534 (a slot means another transition meanwhile).

SELECT
    run_id,
    update_id,
    batch_index,
    transition_id,
    slot,
    generation,
    stored_slot,
    stored_generation
FROM shared.wrong_draws
WHERE slot <> stored_slot OR generation <> stored_generation

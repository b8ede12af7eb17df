-- name: stored_state_changed
-- title: Transitions whose state is not the same each time it is rebuilt
-- severity: error
-- reads: updates, samples
-- grain: run_id, transition_id
-- groups: probed states = updates
-- needs: window_settings, probes
-- requires: updates.probe_stack_hash, samples.transition_id, samples.batch_index
-- diagnosis: the state of transition {transition_id} of run {run_id} was looked at in {looks}
--     updates and had {states} different contents (in updates {first_update} and {last_update},
--     for example); frames of it were overwritten while it could be drawn, and {found}
--     transitions changed
-- why: a stored state is history and cannot change. One that does shares its memory with something
--     that is still written to, or its frames were freed too early.
-- after: drawn_slot_unlike_stored, wrong_frame_stack
-- cites: ray-project/ray#18358; Kaixhin/Rainbow 9cb5f59 (frames older than the write head)

SELECT
    run_id,
    transition_id,
    count(*) AS looks,
    count(DISTINCT probe_stack_hash) AS states,
    arg_min(update_id, probe_stack_hash) AS first_update,
    arg_max(update_id, probe_stack_hash) AS last_update
FROM shared.probes
WHERE transition_id IS NOT NULL AND probe_stack_hash IS NOT NULL
GROUP BY run_id, transition_id
HAVING min(probe_stack_hash) <> max(probe_stack_hash)

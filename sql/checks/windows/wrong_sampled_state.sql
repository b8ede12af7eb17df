-- name: wrong_sampled_state
-- title: Rebuilt states that are not the drawn transition's
-- severity: error
-- reads: updates, samples, transitions
-- grain: run_id, update_id
-- groups: probed states = updates
-- needs: window_settings, probes
-- requires: updates.probe_batch_index, samples.batch_index, transitions.transition_id
-- diagnosis: update {update_id} of run {run_id} drew transition {transition_id} at position
--     {probe_batch_index}, which begins at step {episode_step} of episode {episode_id}, and the
--     state that was rebuilt for it is {problem}; {found} of the states that were looked at are
--     not the transition's
-- why: action, reward and priority are then learned for a state that they do not belong to.
-- assumes: a transition that the log does not have is a finding of other checks.
-- after: drawn_slot_unlike_stored, inconsistent_observations, stored_state_changed,
--     wrong_frame_stack
-- cites: ray-project/ray#18358 (observations in shared memory change after they were stored);
--     vwxyzjn/cleanrl#511 (slots overwritten between draw and use)

SELECT
    run_id,
    update_id,
    probe_batch_index,
    transition_id,
    episode_id,
    episode_step,
    probe_last_episode_id,
    probe_last_step,
    CASE
        WHEN probe_last_episode_id <> episode_id OR probe_last_step <> episode_step
            THEN format('step {} of episode {}', probe_last_step, probe_last_episode_id)
        ELSE 'another observation than was stored at that step: it was overwritten in place'
    END AS problem
FROM shared.probes
WHERE probe_last_episode_id <> episode_id
    OR probe_last_step <> episode_step
    OR probe_obs_hash <> obs_hash

-- name: wrong_frame_stack
-- title: Rebuilt frame stacks that are not consecutive frames of one episode
-- severity: error
-- reads: updates
-- grain: run_id, update_id
-- groups: probed states = updates
-- needs: window_settings, probes, episode_ledger
-- requires: updates.probe_frames, updates.probe_first_step, updates.probe_last_step
-- diagnosis: the state at position {probe_batch_index} of update {update_id} of run {run_id} was
--     rebuilt from {probe_frames} frames, step {probe_first_step} of episode
--     {probe_first_episode_id} to step {probe_last_step} of episode {probe_last_episode_id}:
--     {problem}; {found} of the states that were looked at are wrong
-- why: a stack that joins two games or both sides of the write head shows movement that never
--     happened. The network cannot tell it from a real one, and learns from it.
-- assumes: an Atari state has min(frame_stack, step + 1) frames, the rest is padding. A state that
--     is not made of frames (network "mlp") is a stack of one.
-- incremental: update_id
-- cites: Kaixhin/Rainbow 9cb5f59 (stacks across the write head); google/dopamine#213 (stacks across
--     a truncation)

SELECT
    p.run_id,
    p.update_id,
    p.probe_batch_index,
    p.probe_frames,
    p.probe_first_episode_id,
    p.probe_first_step,
    p.probe_last_episode_id,
    p.probe_last_step,
    CASE
        WHEN p.probe_first_episode_id <> p.probe_last_episode_id AND a.env_index <> b.env_index
            THEN format(
                'they are of environments {} and {}, whose frames lie side by side',
                a.env_index,
                b.env_index
            )
        WHEN p.probe_first_episode_id > p.probe_last_episode_id
            THEN 'the oldest frames are of a newer episode, so the stack straddles the write head'
        WHEN p.probe_first_episode_id < p.probe_last_episode_id AND a.truncated
            THEN 'it straddles the truncation between the two, where no boundary was stored'
        WHEN p.probe_first_episode_id < p.probe_last_episode_id
            THEN 'it straddles the end of the first episode'
        WHEN p.probe_first_step > p.probe_last_step
            THEN 'the oldest frames come later, so the stack straddles the write head'
        WHEN p.probe_last_step - p.probe_first_step + 1 <> p.probe_frames
            THEN format(
                '{} steps lie between its ends', p.probe_last_step - p.probe_first_step + 1
            )
        WHEN p.probe_frames > p.frame_stack
            THEN format('a stack has {} frames', p.frame_stack)
        ELSE format(
            '{} frames of that episode were there',
            least(p.frame_stack, p.probe_last_step + 1)
        )
    END AS problem
FROM shared.probes AS p
LEFT JOIN shared.episode_ledger AS a
    ON a.run_id = p.run_id AND a.episode_id = p.probe_first_episode_id
LEFT JOIN shared.episode_ledger AS b
    ON b.run_id = p.run_id AND b.episode_id = p.probe_last_episode_id
WHERE p.probe_first_episode_id <> p.probe_last_episode_id
    OR p.probe_last_step - p.probe_first_step + 1 <> p.probe_frames
    OR p.probe_frames <> least(p.frame_stack, p.probe_last_step + 1)

-- name: probes
-- title: The one state an update that was rebuilt under observation, and the transition drawn there
-- reads: updates, samples, transitions
-- needs: window_settings

-- transition_id is what the batch drew at the probed position; the columns without probe_ are what
-- that transition says of its first state. frame_stack: what the config
-- says, else the most frames in any state of the run.
-- Cost on 375,000 updates of 32: 0.5 s with two threads.
WITH drawn AS (
    SELECT
        u.run_id,
        u.update_id,
        u.env_step,
        u.probe_batch_index,
        u.probe_obs_hash,
        u.probe_stack_hash,
        u.probe_frames,
        u.probe_first_episode_id,
        u.probe_first_step,
        u.probe_last_episode_id,
        u.probe_last_step,
        s.transition_id
    FROM updates AS u
    LEFT JOIN samples AS s
        ON s.run_id = u.run_id
        AND s.update_id = u.update_id
        AND s.batch_index = u.probe_batch_index
    WHERE u.probe_batch_index IS NOT NULL
)
SELECT
    d.*,
    t.env_index,
    t.episode_id,
    t.episode_step,
    t.obs_hash,
    coalesce(w.frame_stack, max(d.probe_frames) OVER (PARTITION BY d.run_id)) AS frame_stack
FROM drawn AS d
LEFT JOIN transitions AS t USING (run_id, transition_id)
LEFT JOIN shared.window_settings AS w USING (run_id)

-- name: window_settings
-- title: The settings that windows, frame stacks and targets are checked against, as numbers
-- reads: raw.runs
-- needs: run_settings

-- n_step is that of the stored windows: 1 where the run forms its windows when it samples.
--
-- A table of its own, because JSON that is read in a join is parsed for every row joined: 4 s on
-- 1.5M transitions.
SELECT
    run_id,
    coalesce((config ->> '$.n_step_at') = 'sample', false) AS forms_windows_when_sampling,
    if(forms_windows_when_sampling, 1, try_cast(config ->> '$.n_step' AS INTEGER)) AS n_step,
    try_cast(config ->> '$.gamma' AS DOUBLE) AS gamma,
    try_cast(config ->> '$.reward_clip' AS FLOAT) AS reward_clip,
    coalesce(try_cast(config ->> '$.num_envs' AS INTEGER), 1) AS num_envs,
    coalesce((config ->> '$.terminal_on_life_loss') = 'true', false) AS lives_are_ends,
    coalesce((config ->> '$.time_limit_is_terminal') = 'true', false) AS limit_is_terminal,
    nullif(try_cast(config ->> '$.max_episode_steps' AS INTEGER), 0) AS max_episode_steps,
    CASE
        WHEN (config ->> '$.network') = 'mlp' THEN 1
        ELSE try_cast(config ->> '$.frame_stack' AS INTEGER)
    END AS frame_stack,
    try_cast(config ->> '$.num_atoms' AS INTEGER) AS num_atoms,
    try_cast(config ->> '$.v_min' AS DOUBLE) AS v_min,
    try_cast(config ->> '$.v_max' AS DOUBLE) AS v_max,
    try_cast(config ->> '$.batch_size' AS INTEGER) AS batch_size,
    try_cast(config ->> '$.learning_starts' AS BIGINT) AS learning_starts,
    try_cast(config ->> '$.update_period' AS INTEGER) AS update_period,
    try_cast(config ->> '$.target_sync_agent_steps' AS BIGINT) AS target_sync_agent_steps
FROM shared.run_settings

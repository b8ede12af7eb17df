-- name: updates_out_of_order
-- title: Steps, transitions and time never fall from one update to the next
-- severity: error
-- reads: raw.updates
-- grain: run_id, segment_id, update_id
-- groups: updates
-- diagnosis: update {update_id} of run {run_id} follows update {previous_update_id}, and its {figure}
--     falls from {previous_value} to {value}
-- why: a figure that can only rise and falls says that two loops write one run, or that a count was
--     started anew.
-- false_alarms: none; exact
-- assumes: update ids rise in the order of the updates
-- cites: wandb/wandb#6728, allenai/tango#152 (steps fall after a resume)

WITH ordered AS (
    SELECT
        run_id,
        segment_id,
        update_id,
        env_step,
        last_transition_id,
        buffer_size,
        elapsed_seconds,
        lag(update_id) OVER ids AS previous_update_id,
        lag(env_step) OVER ids AS previous_env_step,
        lag(last_transition_id) OVER ids AS previous_transition_id,
        lag(buffer_size) OVER ids AS previous_size,
        lag(elapsed_seconds) OVER ids AS previous_elapsed
    FROM raw.updates
    WINDOW ids AS (PARTITION BY run_id, segment_id ORDER BY update_id, env_step, elapsed_seconds)
)
SELECT
    run_id,
    segment_id,
    update_id,
    previous_update_id,
    CASE
        WHEN env_step < previous_env_step THEN 'agent step'
        WHEN last_transition_id < previous_transition_id THEN 'newest transition'
        WHEN buffer_size < previous_size THEN 'buffer size'
        ELSE 'time since the start'
    END AS figure,
    CASE figure
        WHEN 'agent step' THEN previous_env_step
        WHEN 'newest transition' THEN previous_transition_id
        WHEN 'buffer size' THEN previous_size
        ELSE previous_elapsed::DOUBLE
    END AS previous_value,
    CASE figure
        WHEN 'agent step' THEN env_step
        WHEN 'newest transition' THEN last_transition_id
        WHEN 'buffer size' THEN buffer_size
        ELSE elapsed_seconds::DOUBLE
    END AS value
FROM ordered
WHERE env_step < previous_env_step
    OR last_transition_id < previous_transition_id
    OR buffer_size < previous_size
    OR elapsed_seconds < previous_elapsed

-- name: transitions_out_of_order
-- title: Transitions of an environment are stored in the order of its steps
-- severity: error
-- reads: raw.transitions
-- grain: run_id, segment_id, transition_id
-- groups: transitions
-- diagnosis: transition {transition_id} of environment {env_index} of run {run_id} is step
--     {episode_step} of episode {episode_id} (agent step {env_step}) and is stored after step
--     {previous_step} of episode {previous_episode_id} (agent step {previous_env_step}, transition
--     {previous_transition_id})
-- why: a replay that is filled out of order evicts the wrong transitions, and what is computed from
--     neighbours (n-step windows, frame stacks) joins states that do not follow each other.
-- false_alarms: none; exact. A step that is stored twice is left to duplicate_stored_steps.
-- assumes: transition ids rise in the order of storing
-- cites: ray-project/ray#18358, allenai/tango#152

SELECT *
FROM (
    SELECT
        run_id,
        segment_id,
        transition_id,
        env_index,
        env_step,
        episode_id,
        episode_step,
        lag(transition_id) OVER ids AS previous_transition_id,
        lag(env_step) OVER ids AS previous_env_step,
        lag(episode_id) OVER ids AS previous_episode_id,
        lag(episode_step) OVER ids AS previous_step
    FROM raw.transitions
    WINDOW ids AS (PARTITION BY run_id, segment_id, env_index ORDER BY transition_id, env_step)
) AS stored
WHERE env_step < previous_env_step
    OR episode_id < previous_episode_id
    OR (episode_id = previous_episode_id AND episode_step < previous_step)

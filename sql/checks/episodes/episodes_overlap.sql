-- name: episodes_overlap
-- title: An environment plays one training episode at a time
-- severity: error
-- reads: episodes
-- grain: run_id, episode_id
-- groups: episodes
-- requires: episodes.start_step, episodes.env_index
-- diagnosis: training episode {episode_id} of run {run_id} began at agent step {start_step} in
--     environment {env_index}, where episode {previous_episode_id} went on until step
--     {previous_end_step}; {cause}
-- why: means of returns and counts of episodes take games in twice, or mix two policies.
-- false_alarms: none; exact
-- assumes: env_index names the environment, and eval episodes have the phase eval
-- after: evaluation_logged_as_training
-- cites: DLR-RM/stable-baselines3#852 (evaluation episodes in the training log, lines doubled)

SELECT
    run_id,
    episode_id,
    env_index,
    start_step,
    previous_episode_id,
    previous_end_step,
    CASE
        WHEN end_step = previous_end_step
            AND length = previous_length
            AND return_raw IS NOT DISTINCT FROM previous_return
            THEN 'both have the same end, length and return, so one game is logged twice'
        WHEN end_step <= previous_end_step
            THEN 'it lies within the other, as an evaluation in the training log does'
        ELSE 'so two games share an environment index, or steps were counted again'
    END AS cause
FROM (
    SELECT
        *,
        lag(episode_id) OVER ordered AS previous_episode_id,
        lag(end_step) OVER ordered AS previous_end_step,
        lag(length) OVER ordered AS previous_length,
        lag(return_raw) OVER ordered AS previous_return
    FROM episodes
    WHERE phase = 'train'
    WINDOW ordered AS (PARTITION BY run_id, env_index ORDER BY start_step, end_step DESC, episode_id)
) AS games
WHERE start_step <= previous_end_step
    -- One id twice is another fault: see duplicate_episodes.
    AND episode_id IS DISTINCT FROM previous_episode_id

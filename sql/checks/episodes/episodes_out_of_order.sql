-- name: episodes_out_of_order
-- title: Episode ids rise with the steps at which episodes begin
-- severity: error
-- reads: episodes
-- grain: run_id, episode_id
-- groups: episodes
-- requires: episodes.episode_id, episodes.start_step
-- diagnosis: training episode {episode_id} of run {run_id} began at agent step {start_step}, before
--     episode {previous_episode_id} of a lower id, which began at step {previous_start_step}; steps
--     or ids were counted again
-- why: a learning curve over episodes puts games in the wrong place, and a resume that counts again
--     hides how much was played.
-- false_alarms: none; exact
-- assumes: episode_id counts episodes in the order in which they begin
-- cites: wandb/wandb#6728, allenai/tango#152

SELECT *
FROM (
    SELECT
        run_id,
        episode_id,
        env_index,
        start_step,
        lag(episode_id) OVER ordered AS previous_episode_id,
        lag(start_step) OVER ordered AS previous_start_step
    FROM episodes
    WHERE phase = 'train'
    WINDOW ordered AS (PARTITION BY run_id ORDER BY episode_id, start_step)
) AS games
WHERE start_step < previous_start_step

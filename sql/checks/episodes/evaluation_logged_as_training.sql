-- name: evaluation_logged_as_training
-- title: Episodes of an evaluation have the phase eval
-- severity: error
-- reads: events, episodes
-- grain: run_id, episode_id
-- groups: episodes = episodes
-- requires: events.detail, episodes.episode_id
-- diagnosis: episode {episode_id} of run {run_id} (return {return_raw}) was played in the evaluation
--     at agent step {env_step}, and is logged as phase {phase}; {found} evaluation episodes are in
--     the training log
-- why: games of the greedy policy raise the training curve, and games that cost no training steps
--     are counted as if they had.
-- false_alarms: none; exact
-- cites: DLR-RM/stable-baselines3#852

SELECT e.run_id, e.episode_id, e.phase, e.return_raw, v.env_step
FROM episodes AS e
JOIN (
    SELECT
        run_id,
        env_step,
        (detail ->> '$.first_episode_id')::BIGINT AS first_id,
        (detail ->> '$.first_episode_id')::BIGINT + (detail ->> '$.episodes')::BIGINT - 1 AS last_id
    FROM events
    WHERE kind = 'evaluation'
) AS v ON v.run_id = e.run_id AND e.episode_id BETWEEN v.first_id AND v.last_id
WHERE e.phase <> 'eval'

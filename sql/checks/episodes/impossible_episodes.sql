-- name: impossible_episodes
-- title: Episodes whose figures contradict each other
-- severity: error
-- reads: episodes
-- grain: run_id, episode_id
-- groups: episodes
-- requires: episodes.episode_id
-- diagnosis: episode {episode_id} of run {run_id} (environment {env_index}, steps {start_step} to
--     {end_step}) {problem}
-- why: returns and lengths are what a run is judged by, and an episode that cannot have happened
--     says that the bookkeeping of the environments is wrong.
-- incremental: episode_id
-- false_alarms: none; exact, and figures that are not given are not judged
-- assumes: nothing of the steps of an environment; see wrong_episode_length
-- cites: DLR-RM/stable-baselines3#852

SELECT
    run_id,
    episode_id,
    env_index,
    start_step,
    end_step,
    length,
    phase,
    CASE
        WHEN phase NOT IN ('train', 'eval') THEN 'has the phase ' || phase
        WHEN end_step < start_step THEN 'ends before it begins'
        WHEN terminated = false AND truncated = false
            THEN 'ended without being terminated or truncated'
        WHEN isnan(return_raw) OR isnan(return_clipped) THEN 'has a return that is no number'
        WHEN lives_lost < 0 THEN 'lost ' || lives_lost || ' lives'
        WHEN noise_draws > length
            THEN 'acted ' || length || ' times under ' || noise_draws || ' noise draws'
    END AS problem
FROM episodes
WHERE problem IS NOT NULL

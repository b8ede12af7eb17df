-- name: identical_episodes
-- title: Training episodes that are the same game
-- severity: error
-- reads: episodes
-- grain: run_id, observation_hash, action_hash
-- groups: episodes
-- needs: run_settings
-- requires: episodes.first_obs_hash, episodes.observation_hash, episodes.action_hash
-- params: most_starts BIGINT = 31 from 0, shortest BIGINT = 8 from 0,
--     least_games BIGINT = 10 from 2, opening BIGINT = 200 from 0
-- diagnosis: {games} training episodes of run {run_id} (ids {first_episode_id} to {last_episode_id},
--     {length} steps each) are the same game under {seeds} seeds: {why_impossible}
-- why: a replay that holds one game many times, or an environment that plays one game over and
--     over, learns from far fewer data than the log says.
-- threshold: identical games are legal where starts are few (30 no-ops, a fixed start) and the
--     policy repeats itself. They are a fault where the run has more than most_starts distinct
--     first observations and every other start led to a game of its own; or where half of the
--     episodes, and least_games at least, show the same observations under different actions.
--     Episodes shorter than shortest are not judged, and of episodes that a limit cut off within
--     an opening of so many steps the actions are not: some games show one before they heed them.
-- false_alarms: two games of equal seed are left to environments_share_seed and
--     same_start_every_episode. A healthy run with 32 starts or more would need to meet starts
--     again, and each time to play the same game to its end.
-- assumes: observations show what the actions do
-- cites: Itomigna2/Muesli-lunarlander#1 (the buffer aliases one episode)

WITH games AS (
    SELECT
        e.*,
        greatest(
            getvariable('most_starts'),
            coalesce((s.config ->> '$.noop_max')::BIGINT, 0) + 1
        ) AS most_starts
    FROM episodes AS e
    LEFT JOIN shared.run_settings AS s USING (run_id)
    WHERE e.phase = 'train'
        AND e.first_obs_hash IS NOT NULL
        AND e.observation_hash IS NOT NULL
        AND e.action_hash IS NOT NULL
),
totals AS (
    SELECT
        run_id,
        count(*) AS episodes,
        count(DISTINCT first_obs_hash) AS starts,
        count(DISTINCT (first_obs_hash, observation_hash, action_hash)) AS trajectories,
        any_value(most_starts) AS most_starts
    FROM games
    GROUP BY run_id
),
same_game AS (
    SELECT
        run_id,
        observation_hash,
        action_hash,
        length,
        count(*) AS games,
        count(DISTINCT seed) AS seeds,
        min(episode_id) AS first_episode_id,
        max(episode_id) AS last_episode_id
    FROM games
    WHERE length >= getvariable('shortest')
    GROUP BY ALL
    HAVING count(*) > 1 AND count(DISTINCT seed) <> 1
),
same_observations AS (
    SELECT
        run_id,
        observation_hash,
        min(action_hash) AS action_hash,
        length,
        count(*) AS games,
        count(DISTINCT seed) AS seeds,
        min(episode_id) AS first_episode_id,
        max(episode_id) AS last_episode_id,
        count(DISTINCT action_hash) AS action_sequences
    FROM games
    WHERE length >= getvariable('shortest')
        AND (truncated IS NOT TRUE OR length > getvariable('opening'))
    GROUP BY run_id, observation_hash, length
    HAVING count(DISTINCT action_hash) >= getvariable('least_games')
        AND count(DISTINCT seed) <> 1
)
SELECT
    g.*,
    t.starts || ' different starts led to ' || t.trajectories || ' different games, so the '
        || 'environment has many starts, and none is met twice by chance' AS why_impossible
FROM same_game AS g
JOIN totals AS t USING (run_id)
WHERE t.starts > t.most_starts AND t.starts = t.trajectories
UNION ALL BY NAME
SELECT
    o.* EXCLUDE (action_sequences),
    'their observations agree although they took ' || o.action_sequences
        || ' different sequences of actions' AS why_impossible
FROM same_observations AS o
JOIN totals AS t USING (run_id)
WHERE 2 * o.games >= t.episodes

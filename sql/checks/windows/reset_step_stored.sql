-- name: reset_step_stored
-- title: Episodes that begin with the step that resets the environment
-- severity: error
-- reads: transitions, episodes
-- grain: run_id
-- groups: runs
-- needs: episode_ledger, ending_windows
-- requires: transitions.next_obs_hash, transitions.obs_hash, transitions.reward_raw,
--     transitions.episode_step
-- params: alpha DOUBLE = 6.7e-4 from 0 to 1
-- diagnosis: in run {run_id}, {matches} episodes begin at the observation that the one before
--     them ended with (episode {example_id} is the first) and all their first rewards are 0,
--     where {share} of the next three steps' rewards are not; the step in which the environment
--     resets itself is stored as a real one
-- why: with next-step autoreset the step after an end ignores its action and returns a reset
--     observation. Stored as a transition, it teaches that the last state of a game leads to the
--     first of another.
-- threshold: (1 - share)^matches at most alpha, a share of at least 0.5, and nine of ten episodes
--     that begin so: the environment resets itself after each.
-- false_alarms: none where rewards at an episode's first step are as likely as at the next three.
-- assumes: rewards are dense (share at least 0.5) and the first step pays like the next three. An
--     adapter that logs the reset observation as the successor of a terminated step makes
--     observations match as well; there the first rewards are not all 0. In a game with few
--     rewards this mistake shows only where the extra step is counted (steps_beyond_episode) or a
--     window crosses it (window_across_episodes).
-- cites: vwxyzjn/cleanrl#499 (next-step autoreset of Gymnasium 1.0); Gymnasium's documentation of
--     AutoresetMode

WITH ends AS (
    SELECT
        run_id,
        next_episode_id AS episode_id,
        bool_or(next_obs_hash = next_first_obs_hash) AS is_same
    FROM shared.ending_windows
    WHERE at_end AND next_obs_hash IS NOT NULL AND next_first_obs_hash IS NOT NULL
    GROUP BY ALL
),
-- The environment resets itself after every episode. Where states are few, some episodes begin
-- where another ended by chance.
follows AS (
    FROM ends
    WHERE is_same
    QUALIFY count(*) OVER (PARTITION BY run_id)
        >= 0.9 * (SELECT count(*) FROM ends AS e WHERE e.run_id = ends.run_id)
),
openings AS (
    SELECT
        f.run_id,
        f.episode_id,
        any_value(t.reward_raw) FILTER (t.episode_step = 0) AS first_reward,
        count(t.reward_raw) FILTER (t.episode_step > 0) AS others,
        count(*) FILTER (t.episode_step > 0 AND t.reward_raw <> 0) AS paid
    FROM follows AS f
    JOIN transitions AS t USING (run_id, episode_id)
    WHERE t.episode_step < 4
    GROUP BY ALL
    HAVING first_reward IS NOT NULL
)
SELECT
    run_id,
    count(*) AS matches,
    sum(paid) / sum(others) AS share,
    pow(1 - share, matches) AS chance,
    min(episode_id) AS example_id
FROM openings
GROUP BY run_id
HAVING bool_and(first_reward = 0)
    AND sum(others) > 0
    AND share >= 0.5
    AND chance <= getvariable('alpha')

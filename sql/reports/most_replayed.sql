-- name: most_replayed
-- title: The most replayed transitions, and the episodes that they come from
-- question: which transitions does the replay dwell on?
-- reading: ends of episodes and rare rewards are plausible. The same episode again and again, or one with
--     nothing special in it, is worth a look at rlaudit report run transition_history. last_error is
--     the newest TD error; one that stays large is what cannot be learned: chance, a wrong reward, or
--     a target that jumps.
-- reads: samples
-- also_reads: transitions, episodes
-- requires: samples.transition_id
-- params: top BIGINT = 20 from 1

WITH drawn AS (
    SELECT
        run_id,
        transition_id,
        count(*) AS replays,
        max(update_id) - min(update_id) AS updates_between,
        arg_max(abs(td_error), update_id) AS last_error
    FROM samples
    WHERE transition_id IS NOT NULL
    GROUP BY run_id, transition_id
    QUALIFY
        row_number() OVER (PARTITION BY run_id ORDER BY count(*) DESC, transition_id)
        <= getvariable('top')
),

stored AS (
    SELECT DISTINCT ON (run_id, transition_id)
        run_id,
        transition_id,
        episode_id,
        episode_step,
        reward_sum,
        terminated
    FROM transitions
    SEMI JOIN drawn USING (run_id, transition_id)
),

games AS (
    SELECT DISTINCT ON (run_id, episode_id) run_id, episode_id, length, return_raw
    FROM episodes
    SEMI JOIN stored USING (run_id, episode_id)
)

SELECT
    run_id,
    transition_id,
    replays,
    updates_between,
    last_error,
    stored.episode_id,
    stored.episode_step,
    stored.reward_sum,
    stored.terminated,
    games.length,
    games.return_raw
FROM drawn
LEFT JOIN stored USING (run_id, transition_id)
LEFT JOIN games USING (run_id, episode_id)
ORDER BY run_id, replays DESC, transition_id

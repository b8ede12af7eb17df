-- name: evaluations
-- title: Each evaluation of a run: its returns, and how many of its games were different
-- question: how good is the agent itself, and does each game of an evaluation count?
-- reading: games of one sequence of actions are one game played again; with few distinct ones the mean says
--     less than its number of episodes. Truncated games met the step limit, as an agent does that waits.
-- empty: no run was evaluated; rlaudit train --eval-every STEPS does it
-- reads: episodes

SELECT
    run_id,
    end_step AS env_step,
    count(*) AS episodes,
    nullif(count(DISTINCT (action_hash, first_obs_hash)) FILTER (action_hash IS NOT NULL), 0)
        AS distinct_games,
    avg(return_raw) FILTER (isfinite(return_raw)) AS mean_return,
    stddev_samp(return_raw) FILTER (isfinite(return_raw)) AS deviation,
    min(return_raw) FILTER (isfinite(return_raw)) AS least,
    max(return_raw) FILTER (isfinite(return_raw)) AS greatest,
    avg(length) AS mean_length,
    count(*) FILTER (truncated) AS truncated
FROM episodes
WHERE phase = 'eval'
GROUP BY run_id, end_step
ORDER BY run_id, env_step

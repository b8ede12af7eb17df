-- name: episode_endings
-- title: How training episodes ended, as training went on
-- question: do episodes end by the game, by a limit, or hardly at all?
-- reading: terminated episodes are not bootstrapped from, truncated ones are. Many truncated ones of one
--     length are a step limit that was met: good on CartPole, an agent that waits on Breakout.
-- empty: no training episode is finished
-- reads: episodes

WITH ended AS (
    SELECT
        *,
        greatest(max(end_step) OVER (PARTITION BY run_id), 1) AS steps
    FROM episodes
    WHERE coalesce(phase, 'train') = 'train' AND end_step >= 0
)

SELECT
    run_id,
    (any_value(steps) * (greatest(end_step - 1, 0) * 20 // steps + 1) / 20)::BIGINT AS to_step,
    count(*) AS episodes,
    count(*) FILTER (terminated) AS terminated,
    count(*) FILTER (truncated) AS truncated,
    avg(lives_lost) AS lives_lost,
    min(length) AS shortest,
    quantile_disc(length, 0.5) AS median_length,
    max(length) AS longest
FROM ended
GROUP BY run_id, steps, greatest(end_step - 1, 0) * 20 // steps
ORDER BY run_id, to_step

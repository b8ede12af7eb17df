-- name: learning_curve
-- title: Returns and lengths of successive blocks of episodes
-- question: does the agent learn, and is it still learning?
-- reading: a mean that rises and a least return that stays is learning with bad luck now and then. A
--     length that rises without the return is an agent that waits. Returns are raw, not clipped.
--     without_return counts the episodes whose return is missing or not finite. A short run has more
--     rows with -p block=10.
-- empty: no finished episode has that phase
-- reads: episodes
-- params: block BIGINT = 100 from 1, phase VARCHAR = 'train'

WITH numbered AS (
    SELECT
        run_id,
        end_step,
        length,
        return_raw,
        row_number() OVER (PARTITION BY run_id ORDER BY end_step, episode_id) AS n
    FROM episodes
    WHERE coalesce(phase, 'train') = getvariable('phase')
)

SELECT
    run_id,
    min(n) AS from_episode,
    max(n) AS to_episode,
    max(end_step) AS to_step,
    avg(return_raw) FILTER (isfinite(return_raw)) AS mean_return,
    min(return_raw) FILTER (isfinite(return_raw)) AS least,
    max(return_raw) FILTER (isfinite(return_raw)) AS greatest,
    avg(length) AS mean_length,
    count(*) FILTER (isfinite(return_raw) IS NOT TRUE) AS without_return
FROM numbered
GROUP BY run_id, (n - 1) // getvariable('block')
ORDER BY run_id, from_episode

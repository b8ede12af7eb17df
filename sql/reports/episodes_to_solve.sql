-- name: episodes_to_solve
-- title: How many training episodes each run took until its episodes were as long as it aims at
-- question: after how many episodes did each run do what it was to do?
-- empty: no run aims at a mean length (stop_at_mean_length)
-- reads: runs
-- also_reads: episodes

-- A run is solved when the mean length of its last 100 training episodes, absent ones counted as
-- 0, reaches stop_at_mean_length. The episodes of a random warm-up stand in that window and are
-- not counted. Runs without such an aim are left out.

WITH aims AS (
    SELECT
        run_id,
        name,
        seed,
        TRY_CAST(config ->> '$.stop_at_mean_length' AS DOUBLE) AS mean_length,
        if(
            (config ->> '$.random_warm_up') = 'true',
            TRY_CAST(config ->> '$.learning_starts' AS BIGINT),
            -1
        ) AS warm_up_steps
    FROM runs
    WHERE mean_length > 0 AND isfinite(mean_length)
),

followed AS (
    SELECT
        aims.run_id,
        e.end_step,
        sum((e.start_step - 1 > aims.warm_up_steps)::INTEGER) OVER in_order AS counted,
        sum(e.length) OVER (in_order ROWS 99 PRECEDING) / 100 >= aims.mean_length AS is_solved
    FROM aims
    JOIN episodes AS e ON e.run_id = aims.run_id AND (e.phase = 'eval') IS NOT TRUE
    WINDOW in_order AS (PARTITION BY aims.run_id ORDER BY e.end_step, e.episode_id)
)

SELECT
    aims.run_id,
    aims.name,
    aims.seed,
    coalesce(max(counted), 0)::BIGINT AS episodes,
    coalesce(max(end_step), 0)::BIGINT AS steps,
    min(counted) FILTER (is_solved)::BIGINT AS episodes_to_solve
FROM aims
LEFT JOIN followed USING (run_id)
GROUP BY aims.run_id, aims.name, aims.seed
ORDER BY aims.name, aims.seed

-- name: run_results
-- title: What came of each run: episodes, updates, final and best return
-- question: which runs went well, and how far did they get?
-- reading: final_return is the mean of the last 100 training episodes, best_return the best such mean of
--     any 100 in a row, or of all if there are fewer. A final return far below the best is a run that
--     fell back. eval_return is the mean of the last evaluation.
-- reads: runs
-- also_reads: episodes, updates

WITH described AS (
    SELECT DISTINCT ON (run_id) run_id, env_id, seed
    FROM runs
    ORDER BY run_id, started_at
),

trained AS (
    SELECT
        run_id,
        end_step,
        episode_id,
        row_number() OVER latest AS back,
        count(*) OVER latest AS n,
        count(*) OVER (PARTITION BY run_id) AS of,
        avg(return_raw) OVER (
            PARTITION BY run_id ORDER BY end_step, episode_id ROWS 99 PRECEDING
        ) AS mean_100
    FROM episodes
    WHERE coalesce(phase, 'train') = 'train' AND isfinite(return_raw)
    WINDOW latest AS (PARTITION BY run_id ORDER BY end_step DESC, episode_id DESC)
),

played AS (
    SELECT
        run_id,
        count(*) AS episodes,
        max(end_step) AS steps,
        any_value(mean_100) FILTER (back = 1) AS final_return,
        max(mean_100) FILTER (of - back + 1 >= least(of, 100)) AS best_return
    FROM trained
    GROUP BY run_id
),

evaluated AS (
    SELECT run_id, avg(return_raw) AS eval_return
    FROM (
        SELECT run_id, return_raw
        FROM episodes
        WHERE phase = 'eval' AND isfinite(return_raw)
        QUALIFY end_step = max(end_step) OVER (PARTITION BY run_id)
    )
    GROUP BY run_id
),

learned AS (
    SELECT run_id, count(DISTINCT update_id) AS updates
    FROM updates
    GROUP BY run_id
)

SELECT
    run_id,
    d.env_id,
    d.seed,
    played.steps,
    coalesce(played.episodes, 0) AS episodes,
    coalesce(learned.updates, 0) AS updates,
    played.final_return,
    played.best_return,
    evaluated.eval_return
FROM described AS d
LEFT JOIN played USING (run_id)
LEFT JOIN evaluated USING (run_id)
LEFT JOIN learned USING (run_id)
ORDER BY d.env_id, played.final_return DESC NULLS LAST, run_id

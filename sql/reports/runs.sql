-- name: runs
-- title: How far each run got, what it returned last, and the state of its newest segment
-- question: how far is each run, and is it alive?
-- reads: runs
-- also_reads: segments, episodes

WITH newest_segments AS (
    SELECT
        run_id,
        arg_max(segments, coalesce(ordinal, 0)) AS newest,
        max(end_step) AS steps,
        sum(
            coalesce(list_sum(map_values(rows_written)), 0)
            + coalesce(list_sum(map_values(rows_spooled)), 0)
        )::BIGINT AS rows
    FROM segments
    GROUP BY run_id
),

train_episodes AS (
    SELECT run_id, episode_id, return_raw
    FROM episodes
    WHERE (phase = 'eval') IS NOT TRUE
),

last_episodes AS (
    SELECT run_id, return_raw
    FROM train_episodes
    QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY episode_id DESC) <= 100
)

SELECT
    runs.run_id,
    runs.name,
    runs.env_id,
    coalesce(newest_segments.steps, 0) AS steps,
    (SELECT count(*) FROM train_episodes WHERE train_episodes.run_id = runs.run_id) AS episodes,
    (
        SELECT avg(return_raw) FROM last_episodes WHERE last_episodes.run_id = runs.run_id
    ) AS mean_return,
    coalesce(newest_segments.rows, 0) AS rows,
    runs.started_at,
    newest_segments.newest.state AS state,
    newest_segments.newest.heartbeat_at AS heartbeat_at,
    newest_segments.newest.host AS host,
    newest_segments.newest.pid AS pid
FROM runs
LEFT JOIN newest_segments USING (run_id)
WHERE run_id IS NOT NULL
ORDER BY runs.started_at, runs.run_id

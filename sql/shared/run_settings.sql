-- name: run_settings
-- title: The settings of each run, one row a run even where raw.runs repeats a run id
-- reads: raw.runs

SELECT
    run_id,
    first(config ORDER BY started_at NULLS LAST) AS config
FROM raw.runs
GROUP BY run_id

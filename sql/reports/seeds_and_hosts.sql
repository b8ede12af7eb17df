-- name: seeds_and_hosts
-- title: Seed, host and versions of each run, and which runs share their settings and seed
-- question: are these runs independent, and were they made by the same software?
-- reading: same_settings counts the runs whose settings agree in all but the seed, this one included, and
--     same_seed those of them with the same seed: above 1, two runs say the same thing twice. Runs
--     that are compared should have the same versions.
-- reads: runs

WITH described AS (
    SELECT DISTINCT ON (run_id) *
    FROM runs
    ORDER BY run_id, started_at
)

SELECT
    run_id,
    seed,
    config_hash,
    if(config_hash IS NULL, NULL, count(*) OVER (PARTITION BY env_id, config_hash)) AS same_settings,
    if(
        config_hash IS NULL OR seed IS NULL,
        NULL,
        count(*) OVER (PARTITION BY env_id, config_hash, seed)
    ) AS same_seed,
    source,
    host,
    started_at,
    versions ->> '$.python' AS python,
    versions ->> '$.torch' AS torch,
    versions ->> '$.rlaudit' AS rlaudit
FROM described
ORDER BY started_at, run_id

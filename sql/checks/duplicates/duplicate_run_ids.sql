-- name: duplicate_run_ids
-- title: Run ids
-- severity: error
-- reads: raw.runs
-- grain: run_id
-- groups: run ids
-- diagnosis: run id {run_id} stands in raw.runs {copies} times (distinct processes: {processes},
--     distinct configs: {configs}), so rows of several runs cannot be told apart
-- why: every table names its run by this id. Two runs under one id are read as one run that
--     contradicts itself.
-- cites: vwxyzjn/cleanrl#256, ray-project/ray#29916 (ids made from the clock collide)

SELECT
    run_id,
    count(*) AS copies,
    count(DISTINCT (host, pid)) AS processes,
    count(DISTINCT config_hash) AS configs,
    list(DISTINCT name) AS names
FROM raw.runs
WHERE run_id IS NOT NULL
GROUP BY run_id
HAVING count(*) > 1

-- name: run_beginnings
-- title: The losses of each run's first twenty updates, and the runs that share them
-- reads: runs, updates
-- needs: run_settings

-- twin is the least run id among runs of one environment with the same losses: the run itself, if
-- it shares them with none. Runs with fewer updates, or whose losses hardly vary, are left out.
WITH beginnings AS (
    SELECT run_id, min(update_id) AS first_update_id
    FROM updates
    GROUP BY run_id
),
losses AS (
    SELECT u.run_id, list(u.loss ORDER BY u.update_id) AS losses
    FROM updates AS u
    JOIN beginnings AS b ON b.run_id = u.run_id AND u.update_id < b.first_update_id + 20
    GROUP BY u.run_id
    HAVING count(u.loss) = 20 AND count(*) = 20 AND count(DISTINCT u.loss) >= 10
),
described AS (
    SELECT
        run_id,
        any_value(env_id) AS env_id,
        any_value(seed) AS seed,
        any_value(config_hash) AS config_hash
    FROM runs
    GROUP BY run_id
)
SELECT
    l.run_id,
    d.seed,
    d.config_hash,
    s.config,
    l.losses[1] AS first_loss,
    l.losses[20] AS last_loss,
    min(l.run_id) OVER (PARTITION BY d.env_id, l.losses) AS twin
FROM losses AS l
JOIN described AS d USING (run_id)
JOIN shared.run_settings AS s USING (run_id)

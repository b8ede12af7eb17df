-- name: config_differences
-- title: In which settings the runs differ, and what the runs of each value returned
-- question: what differs between these runs, and what did it do?
-- reading: a row is one value of one setting, and its figures are over the runs that have it: the final
--     return is the mean of a run's last 100 training episodes. Values of settings that changed
--     together have the same runs, and nothing here says which of them did it; rlaudit compare
--     gives an interval. Runs on different environments are not to be compared.
-- empty: the runs have the same settings, but for the seed
-- reads: runs
-- also_reads: episodes

-- Settings that a run does not state are a value as well, NULL. The seed is left out.

WITH stated AS (
    SELECT run_id, any_value(env_id) AS env_id, any_value(config) AS config
    FROM runs
    WHERE json_type(config) = 'OBJECT'
    GROUP BY run_id
),

entries AS (
    SELECT run_id, entry.key AS setting, entry.value ->> '$' AS value
    FROM (
        SELECT run_id, unnest(map_entries(config::MAP(VARCHAR, JSON))) AS entry
        FROM stated
    )
),

chosen AS (
    SELECT stated.run_id, stated.env_id, keys.setting, entries.value
    FROM stated
    CROSS JOIN (SELECT DISTINCT setting FROM entries WHERE setting <> 'seed') AS keys
    LEFT JOIN entries ON entries.run_id = stated.run_id AND entries.setting = keys.setting
),

finals AS (
    SELECT run_id, avg(return_raw) AS final_return
    FROM (
        SELECT run_id, return_raw
        FROM episodes
        WHERE coalesce(phase, 'train') = 'train' AND isfinite(return_raw)
        QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY end_step DESC, episode_id DESC) <= 100
    )
    GROUP BY run_id
)

SELECT
    env_id,
    setting,
    value,
    count(*) AS runs,
    avg(final_return) AS mean_return,
    min(final_return) AS least,
    max(final_return) AS greatest,
    list(run_id ORDER BY run_id) AS run_ids
FROM chosen
LEFT JOIN finals USING (run_id)
GROUP BY env_id, setting, value
QUALIFY
    count(DISTINCT value) OVER (PARTITION BY setting)
    + (count(*) OVER (PARTITION BY setting) > count(value) OVER (PARTITION BY setting))::INTEGER > 1
ORDER BY setting, env_id, try_cast(value AS DOUBLE), value

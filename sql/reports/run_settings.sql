-- name: run_settings
-- title: The runs of a log: what each is, and how many episodes of each phase it has
-- question: what are these runs, and what were they set to do?
-- reads: runs
-- also_reads: episodes

WITH named AS (
    SELECT run_id FROM runs
    UNION
    SELECT run_id FROM episodes
),

described AS (
    SELECT
        run_id,
        any_value(name) AS name,
        any_value(env_id) AS env_id,
        any_value(seed) AS seed,
        any_value(config_hash) AS config_hash,
        any_value(config::VARCHAR) AS config,
        min(started_at) AS started_at
    FROM runs
    GROUP BY run_id
),

counted AS (
    SELECT
        run_id,
        count(*) FILTER (phase IS DISTINCT FROM 'eval') AS train_episodes,
        (sum(greatest(lives_lost, 1)) FILTER (phase IS DISTINCT FROM 'eval'))::BIGINT AS train_lives,
        count(*) FILTER (phase = 'eval') AS eval_episodes
    FROM episodes
    GROUP BY run_id
)

SELECT
    run_id,
    described.name,
    described.env_id,
    described.seed,
    described.config_hash,
    described.config,
    coalesce(counted.train_episodes, 0) AS train_episodes,
    coalesce(counted.train_lives, 0) AS train_lives,
    coalesce(counted.eval_episodes, 0) AS eval_episodes
FROM named
LEFT JOIN described USING (run_id)
LEFT JOIN counted USING (run_id)
WHERE run_id IS NOT NULL
ORDER BY described.started_at, run_id

-- name: environments_share_seed
-- title: Parallel environments have seeds of their own
-- severity: error
-- reads: episodes
-- grain: run_id, evidence
-- groups: runs
-- requires: episodes.env_index
-- params: alpha DOUBLE = 6.7e-4 from 0 to 1
-- diagnosis: environments {first_env} and {second_env} of run {run_id} play the same games:
--     {shared} of {games} have the same {evidence}, where chance gives {expected}; vector
--     environments need a seed each
-- why: environments that share a seed deliver the same experience several times: the replay is
--     filled with copies, and the steps that the run counts are not all data.
-- threshold: seeds: the number that serve several environments against a birthday count over 2^31
--     seeds. First observations: of the k-th episodes of two environments, how many agree, against
--     what episodes in any order would give. Poisson tail exp(-(O ln(O/E) - O + E)), the second
--     corrected for the pairs of environments.
-- false_alarms: alpha a run at most for each of the two. Of 10,000 episodes with random seeds one
--     pair or none shares one (0.023 are expected), which is not flagged.
-- assumes: seeds are drawn from at least 2^31 numbers; the k-th episode of an environment does not
--     have a start that is prescribed for all
-- cites: hill-a/stable-baselines#79

WITH games AS (
    SELECT
        run_id,
        env_index,
        episode_id,
        seed,
        first_obs_hash,
        row_number() OVER (PARTITION BY run_id, env_index ORDER BY episode_id) AS nth
    FROM episodes
    WHERE phase = 'train' AND env_index IS NOT NULL
),
by_seed AS (
    SELECT
        run_id,
        sum(environments - 1) AS shared,
        arg_min(first_env, seed) AS first_env,
        arg_min(second_env, seed) AS second_env
    FROM (
        SELECT
            run_id,
            seed,
            count(DISTINCT env_index) AS environments,
            min(env_index) AS first_env,
            max(env_index) AS second_env
        FROM games
        WHERE seed IS NOT NULL
        GROUP BY run_id, seed
    ) AS seeds
    WHERE environments > 1
    GROUP BY run_id
),
seeded AS (
    SELECT run_id, count(*) AS games, count(*) * (count(*) - 1) / 2 / 2.0 ** 31 AS expected
    FROM games
    WHERE seed IS NOT NULL
    GROUP BY run_id
),
played AS (
    SELECT run_id, env_index, count(*) AS games
    FROM games
    WHERE first_obs_hash IS NOT NULL
    GROUP BY run_id, env_index
),
agreeing AS (
    SELECT a.run_id, a.env_index AS first_env, b.env_index AS second_env, count(*) AS shared
    FROM games AS a
    JOIN games AS b
        ON b.run_id = a.run_id
        AND b.nth = a.nth
        AND b.first_obs_hash = a.first_obs_hash
        AND b.env_index > a.env_index
    GROUP BY ALL
),
starts AS (
    SELECT run_id, env_index, first_obs_hash, count(*) AS games
    FROM games
    WHERE first_obs_hash IS NOT NULL
    GROUP BY ALL
),
-- Pairs of episodes, one of each environment, that begin alike, whatever their order.
alike AS (
    SELECT a.run_id, a.env_index AS first_env, b.env_index AS second_env, sum(a.games * b.games) AS pairs
    FROM starts AS a
    JOIN starts AS b
        ON b.run_id = a.run_id
        AND b.first_obs_hash = a.first_obs_hash
        AND b.env_index > a.env_index
    GROUP BY ALL
),
environments AS (
    SELECT run_id, count(*) * (count(*) - 1) / 2 AS pairs
    FROM played
    GROUP BY run_id
),
compared AS (
    SELECT
        g.run_id,
        g.first_env,
        g.second_env,
        g.shared,
        least(a.games, b.games) AS games,
        least(a.games, b.games) * l.pairs / (a.games * b.games) AS expected,
        e.pairs AS tests
    FROM agreeing AS g
    JOIN alike AS l USING (run_id, first_env, second_env)
    JOIN played AS a ON a.run_id = g.run_id AND a.env_index = g.first_env
    JOIN played AS b ON b.run_id = g.run_id AND b.env_index = g.second_env
    JOIN environments AS e ON e.run_id = g.run_id
)
SELECT
    s.run_id,
    'seed' AS evidence,
    s.first_env,
    s.second_env,
    s.shared::BIGINT AS shared,
    n.games,
    n.expected
FROM by_seed AS s
JOIN seeded AS n USING (run_id)
WHERE s.shared > n.expected
    AND exp(-(s.shared * ln(s.shared / n.expected) - s.shared + n.expected)) <= getvariable('alpha')
UNION ALL BY NAME
SELECT
    run_id,
    'first observation' AS evidence,
    arg_max(first_env, shared / expected) AS first_env,
    arg_max(second_env, shared / expected) AS second_env,
    arg_max(shared, shared / expected) AS shared,
    arg_max(games, shared / expected) AS games,
    arg_max(expected, shared / expected) AS expected
FROM compared
WHERE shared > expected
    AND tests * exp(-(shared * ln(shared / expected) - shared + expected)) <= getvariable('alpha')
GROUP BY run_id

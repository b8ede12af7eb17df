-- name: same_start_every_episode
-- title: Episodes of an environment begin from different seeds
-- severity: error
-- reads: episodes
-- grain: run_id, evidence
-- groups: runs
-- requires: episodes.env_index
-- params: alpha DOUBLE = 6.7e-4 from 0 to 1
-- diagnosis: environment {env_index} of run {run_id} began {repeats} of its {games} training
--     episodes with the same {evidence} as an earlier one{comparison}; it is reset with one seed
--     again and again
-- why: reset(seed) at every episode plays the game from one start for ever: the agent learns that
--     start by heart, and the episodes are no sample of the environment.
-- threshold: seeds: repeats within an environment against a birthday count over 2^31 seeds, by the
--     Poisson tail exp(-(O ln(O/E) - O + E)). First observations: each environment has one start
--     alone and the environments differ; with N_v episodes from start v in m_v of E environments,
--     episodes in random order would do that with a chance of at most
--     E! / prod(m_v!) prod(N_v!) / N!.
-- false_alarms: alpha a run at most for each of the two. One environment with one start is legal
--     and passes if its seeds differ or are not logged.
-- assumes: seeds are drawn from at least 2^31 numbers; all environments of a run are the same game
-- cites: Farama-Foundation/Gymnasium#1468

-- DISTINCT: a line that stands in the log twice is no second episode.
WITH games AS (
    SELECT DISTINCT run_id, env_index, start_step, end_step, seed, first_obs_hash
    FROM episodes
    WHERE phase = 'train' AND env_index IS NOT NULL
),
by_seed AS (
    SELECT
        run_id,
        env_index,
        count(*) AS games,
        count(*) - count(DISTINCT seed) AS repeats
    FROM games
    WHERE seed IS NOT NULL
    GROUP BY run_id, env_index
),
seeded AS (
    SELECT
        run_id,
        arg_max(env_index, repeats) AS env_index,
        arg_max(games, repeats) AS games,
        max(repeats) AS repeats,
        sum(repeats) AS observed,
        sum(games * (games - 1) / 2) / 2.0 ** 31 AS expected
    FROM by_seed
    GROUP BY run_id
),
by_start AS (
    SELECT
        run_id,
        env_index,
        count(*) AS games,
        count(DISTINCT first_obs_hash) AS starts,
        any_value(first_obs_hash) AS start
    FROM games
    WHERE first_obs_hash IS NOT NULL
    GROUP BY run_id, env_index
),
one_start AS (
    SELECT run_id, start, count(*) AS environments, sum(games) AS games
    FROM by_start
    GROUP BY run_id, start
    HAVING max(starts) = 1
),
compared AS (
    SELECT
        run_id,
        count(*) AS starts,
        sum(environments) AS environments,
        lgamma(sum(environments) + 1) - sum(lgamma(environments + 1))
            + sum(lgamma(games + 1)) - lgamma(sum(games) + 1) AS log_chance
    FROM one_start
    GROUP BY run_id
)
SELECT
    run_id,
    'seed' AS evidence,
    env_index,
    repeats,
    games,
    '' AS comparison
FROM seeded
WHERE expected > 0
    AND observed > expected
    AND exp(-(observed * ln(observed / expected) - observed + expected)) <= getvariable('alpha')
UNION ALL BY NAME
SELECT
    c.run_id,
    'first observation' AS evidence,
    arg_max(b.env_index, b.games) AS env_index,
    max(b.games) - 1 AS repeats,
    max(b.games) AS games,
    ', while the ' || c.environments || ' environments have ' || c.starts || ' starts, one each'
        AS comparison
FROM compared AS c
JOIN by_start AS b USING (run_id)
WHERE c.log_chance <= ln(getvariable('alpha'))
GROUP BY c.run_id, c.environments, c.starts
HAVING max(b.starts) = 1

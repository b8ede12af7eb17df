-- name: declared_departures
-- title: Where the settings of runs depart from the papers on purpose
-- question: in what do the settings depart from the papers, before results are compared?
-- empty: the settings depart from the papers in nothing that is known here
-- reads: runs

-- Settings say what a run means to do, and the checks judge it by them. These are the ones that a
-- reader should know of before comparing a run with published figures.

WITH stated AS (
    SELECT
        run_id,
        (config ->> '$.prioritized') = 'true' AS prioritized,
        (config ->> '$.sampling') AS sampling,
        (config ->> '$.importance_sampling') AS importance_sampling,
        (config ->> '$.weight_population') AS weight_population,
        (config ->> '$.capacity') AS capacity,
        TRY_CAST(config ->> '$.beta_anneal_episodes' AS BIGINT) AS beta_anneal_episodes,
        (config ->> '$.loss') AS loss,
        (config ->> '$.time_limit_is_terminal') = 'true' AS time_limit_is_terminal,
        (config ->> '$.max_episode_steps') AS max_episode_steps,
        TRY_CAST(config ->> '$.target_sync_agent_steps' AS BIGINT) AS sync_every,
        TRY_CAST(config ->> '$.update_period' AS BIGINT) AS update_period
    FROM runs
),

departures AS (
    SELECT
        run_id,
        'sampling' AS setting,
        'draws of a batch are independent (Schaul et al. 2016, B.2.1: one from each stratum)'
            AS departure
    FROM stated
    WHERE prioritized AND sampling = 'independent'
    UNION ALL
    SELECT
        run_id,
        'importance_sampling',
        'prioritized draws are not weighted (Schaul et al. 2016, 3.4: their bias stays)'
    FROM stated
    WHERE prioritized AND importance_sampling = 'false'
    UNION ALL
    SELECT
        run_id,
        'weight_population',
        'N of the weights is the capacity of ' || capacity || ' also while fewer are stored '
            '(Schaul et al. 2016, 3.4: those that can be drawn)'
    FROM stated
    WHERE importance_sampling = 'true' AND weight_population = 'capacity'
    UNION ALL
    SELECT
        run_id,
        'beta_anneal_episodes',
        'beta moves with the episodes, over ' || beta_anneal_episodes || ' of them '
            '(Schaul et al. 2016, 3.4: linearly over the training)'
    FROM stated
    WHERE importance_sampling = 'true' AND beta_anneal_episodes > 0
    UNION ALL
    SELECT
        run_id,
        'loss',
        'weights multiply abs(TD error), whose gradient keeps the error''s sign alone '
            '(Schaul et al. 2016, Algorithm 1: the weight times the error)'
    FROM stated
    WHERE importance_sampling = 'true' AND loss = 'abs'
    UNION ALL
    SELECT
        run_id,
        'time_limit_is_terminal',
        'the limit of ' || max_episode_steps || ' steps is learned from as an end of the game '
            '(Pardo et al. 2018: bootstrap there)'
    FROM stated
    WHERE time_limit_is_terminal
    UNION ALL
    SELECT
        run_id,
        'target_sync_agent_steps',
        'the target net is synced at every update (Mnih et al. 2015: at every 10,000th)'
    FROM stated
    WHERE sync_every <= update_period
)

SELECT run_id, setting, departure
FROM departures
ORDER BY run_id, setting

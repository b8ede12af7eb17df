-- name: noise_against_config
-- title: Noise is on where the config says so, and off where it does not
-- severity: error
-- reads: updates, runs
-- also_reads: transitions
-- grain: run_id, pass
-- groups: updates = updates
-- needs: run_settings
-- requires: config.noisy, config.double
-- diagnosis: the config of run {run_id} has noisy = {noisy}, and {wrong} of its {uses} {pass} passes
--     {verdict}, the first at agent step {first_env_step}
-- why: the run explores by another rule than its config says, and its results are credited to the
--     wrong component.
-- false_alarms: none; the count is exact
-- assumes: a trainer other than rlaudit that gives no draw at all for a pass does not log them.
--     Actions up to learning_starts may be random, and need no noise.
-- cites: Hessel et al. 2018 (noisy nets replace epsilon-greedy); chainer/chainerrl#567 (a flag that
--     is ignored)

WITH stated AS (
    SELECT
        s.run_id,
        s.config ->> '$.noisy' AS noisy,
        s.config ->> '$.noisy' <> 'off' AS is_noisy,
        s.config ->> '$.double' = 'true' AS selects,
        coalesce((s.config ->> '$.learning_starts')::BIGINT, 0) AS learning_starts,
        bool_or(r.source = 'rlaudit') AS logs_draws
    FROM shared.run_settings AS s
    JOIN runs AS r USING (run_id)
    GROUP BY ALL
),
-- One scan of each table: with a row for each pass this would take 0.5 s on 2.6M of them.
learning AS (
    SELECT
        u.run_id,
        unnest([
            {
                'pass': 'online',
                'uses': count(*),
                'draws': count(u.noise_online),
                'first_env_step': min(u.env_step) FILTER ((u.noise_online IS NULL) = s.is_noisy)
            },
            {
                'pass': 'target',
                'uses': count(*),
                'draws': count(u.noise_target),
                'first_env_step': min(u.env_step) FILTER ((u.noise_target IS NULL) = s.is_noisy)
            },
            {
                'pass': 'selecting',
                'uses': if(any_value(s.selects), count(*), 0),
                'draws': if(any_value(s.selects), count(u.noise_select), 0),
                'first_env_step': min(u.env_step) FILTER ((u.noise_select IS NULL) = s.is_noisy)
            }
        ]) AS pass
    FROM updates AS u
    JOIN stated AS s USING (run_id)
    GROUP BY u.run_id
),
acting AS (
    SELECT
        t.run_id,
        {
            'pass': 'acting',
            'uses': count(*),
            'draws': count(t.noise_draw),
            'first_env_step': min(t.env_step) FILTER ((t.noise_draw IS NULL) = s.is_noisy)
        } AS pass
    FROM transitions AS t
    JOIN stated AS s USING (run_id)
    WHERE t.noise_draw IS NOT NULL OR s.logs_draws OR t.env_step > s.learning_starts
    GROUP BY t.run_id
)
SELECT
    s.run_id,
    p.pass.pass AS pass,
    s.noisy,
    p.pass.uses AS uses,
    if(s.is_noisy, p.pass.uses - p.pass.draws, p.pass.draws) AS wrong,
    p.pass.first_env_step AS first_env_step,
    if(s.is_noisy, 'drew none', 'drew noise') AS verdict
FROM (FROM learning UNION ALL FROM acting) AS p
JOIN stated AS s USING (run_id)
WHERE wrong > 0
    AND (s.logs_draws OR p.pass.draws > 0)

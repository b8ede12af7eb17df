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
        s.config ->> '$.double' = 'true' AS selects,
        coalesce((s.config ->> '$.learning_starts')::BIGINT, 0) AS learning_starts,
        bool_or(r.source = 'rlaudit') AS logs_draws
    FROM shared.run_settings AS s
    JOIN runs AS r USING (run_id)
    GROUP BY ALL
),
passes AS (
    SELECT run_id, 'online' AS pass, env_step, noise_online AS noise_draw FROM updates
    UNION ALL
    SELECT run_id, 'target' AS pass, env_step, noise_target AS noise_draw FROM updates
    UNION ALL
    SELECT run_id, 'selecting' AS pass, env_step, noise_select AS noise_draw
    FROM updates
    SEMI JOIN (FROM stated WHERE selects) AS doubles USING (run_id)
    UNION ALL
    SELECT run_id, 'acting' AS pass, env_step, noise_draw
    FROM transitions
    JOIN stated USING (run_id)
    WHERE noise_draw IS NOT NULL OR logs_draws OR env_step > learning_starts
)
SELECT
    s.run_id,
    p.pass,
    s.noisy,
    count(*) AS uses,
    count(*) FILTER ((p.noise_draw IS NULL) = (s.noisy <> 'off')) AS wrong,
    min(p.env_step) FILTER ((p.noise_draw IS NULL) = (s.noisy <> 'off')) AS first_env_step,
    if(s.noisy = 'off', 'drew noise', 'drew none') AS verdict
FROM passes AS p
JOIN stated AS s USING (run_id)
GROUP BY s.run_id, s.noisy, p.pass
HAVING wrong > 0
    AND (any_value(s.logs_draws) OR count(p.noise_draw) > 0)

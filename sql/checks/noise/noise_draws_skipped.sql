-- name: noise_draws_skipped
-- title: One noise draw for each pass, and no more
-- severity: error
-- reads: transitions, updates
-- grain: run_id, noise_draw
-- groups: updates = updates
-- needs: noise_counts, noise_passes, run_settings
-- requires: transitions.noise_draw, updates.noise_online, updates.noise_target,
--     config.noisy = factorised | independent, config.num_envs
-- diagnosis: {missing} noise draws of run {run_id} belong to no pass: between draw {previous_draw}
--     ({previous_pass}, agent step {previous_env_step}) and draw {noise_draw} ({pass}, agent step
--     {env_step}); {found} such gaps say that noise is drawn inside layers or forward passes
-- why: layers that draw for themselves give the states of one batch, or the layers of one pass,
--     unrelated noise where one sample of the network is meant. The exploration then changes within
--     a decision, and the logged draw is not what acted.
-- threshold: a gap is a fault where it is wider than the steps of environments whose transitions
--     are not stored could fill; logs that leave out updates are not judged
-- false_alarms: none; the count is exact
-- assumes: draws are numbered over the whole run, in the order in which they are made
-- after: noise_in_evaluation, rows_missing, rows_dropped
-- cites: Fortunato et al. 2018, Algorithm 1; y-kamiya 470d4a0, mended in 0bd7835

WITH complete AS (
    SELECT run_id
    FROM updates
    GROUP BY run_id
    HAVING max(update_id) - min(update_id) + 1 = count(*)
),
last_acting AS (
    SELECT run_id, max(noise_draw) AS last_draw
    FROM shared.noise_passes
    WHERE pass = 'acting'
    GROUP BY run_id
),
steps AS (
    SELECT
        p.run_id,
        p.pass,
        p.noise_draw,
        p.first_env_step AS env_step,
        lag(p.pass) OVER ordered AS previous_pass,
        lag(p.noise_draw) OVER ordered AS previous_draw,
        lag(p.last_env_step) OVER ordered AS previous_env_step,
        (settings.config ->> '$.num_envs')::BIGINT AS num_envs
    FROM shared.noise_passes AS p
    SEMI JOIN complete USING (run_id)
    JOIN shared.noise_counts AS c USING (run_id)
    JOIN last_acting AS l USING (run_id)
    JOIN shared.run_settings AS settings USING (run_id)
    WHERE c.gaps > 0 AND p.noise_draw <= l.last_draw
    WINDOW ordered AS (PARTITION BY p.run_id ORDER BY p.noise_draw, p.pass)
)
SELECT
    run_id,
    pass,
    noise_draw,
    env_step,
    previous_pass,
    previous_draw,
    previous_env_step,
    noise_draw - previous_draw - 1 AS missing
FROM steps
WHERE noise_draw - previous_draw - 1 > greatest(
    0,
    -- Whole steps of all environments from one to the other, less the one whose draw is logged.
    (env_step - previous_env_step + num_envs - 1) // num_envs - if(pass = 'acting', 1, 0)
)

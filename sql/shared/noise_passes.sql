-- name: noise_passes
-- title: Noise draws by the pass that used them, in runs where draws and passes do not match
-- reads: transitions, updates
-- needs: noise_counts

-- One row a draw and pass: acting, selecting (the next action), target, online (the pass that is
-- learned from). first_position and last_position are where it was used: agent steps for acting,
-- update ids for the others; uses counts the actions, or the updates.
--
-- Sound runs are left out: on 2.6M draws with two threads this would take 1.5 s.
WITH suspects AS (
    SELECT run_id
    FROM shared.noise_counts
    WHERE uses > draws OR gaps > 0
)
SELECT
    run_id,
    'acting' AS pass,
    noise_draw,
    min(env_step) AS first_position,
    max(env_step) AS last_position,
    min(env_step) AS first_env_step,
    max(env_step) AS last_env_step,
    count(*) AS uses
FROM transitions
SEMI JOIN suspects USING (run_id)
WHERE noise_draw IS NOT NULL
GROUP BY run_id, noise_draw
UNION ALL
SELECT
    run_id,
    pass,
    noise_draw,
    min(update_id) AS first_position,
    max(update_id) AS last_position,
    min(env_step) AS first_env_step,
    max(env_step) AS last_env_step,
    count(*) AS uses
FROM (
    SELECT run_id, update_id, env_step, 'selecting' AS pass, noise_select AS noise_draw
    FROM updates
    UNION ALL
    SELECT run_id, update_id, env_step, 'target' AS pass, noise_target AS noise_draw
    FROM updates
    UNION ALL
    SELECT run_id, update_id, env_step, 'online' AS pass, noise_online AS noise_draw
    FROM updates
) AS passes
SEMI JOIN suspects USING (run_id)
WHERE noise_draw IS NOT NULL
GROUP BY run_id, pass, noise_draw

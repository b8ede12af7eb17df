-- name: noise_shared_with_target
-- title: The target net's noise is its own
-- severity: error
-- reads: updates
-- grain: run_id, noise_draw
-- groups: updates
-- needs: noise_passes, run_settings
-- requires: config.noisy = factorised | independent, updates.noise_target
-- diagnosis: noise draw {noise_draw} of run {run_id} serves the target net's pass of update
--     {update_id} and also {others}; {found} draws are shared with the target, which needs noise
--     of its own
-- why: with shared noise the target's error and the prediction's are correlated, and the update
--     favours actions whose noise happens to be high.
-- threshold: passes that lie no further apart than one update period
-- false_alarms: none; the comparison is exact
-- assumes: draws are numbered over all networks of the run
-- cites: Fortunato et al. 2018, section 3.1 and Algorithm 1: independent noise for online and
--     target networks

WITH shared_draws AS (
    SELECT p.run_id, p.noise_draw
    FROM shared.noise_passes AS p
    JOIN shared.run_settings AS s USING (run_id)
    GROUP BY p.run_id, p.noise_draw
    HAVING count(*) > 1 AND bool_or(p.pass = 'target')
        -- A draw id that comes back later is another fault: see noise_draws_fall.
        AND max(p.first_env_step) - min(p.last_env_step) <= any_value(
            coalesce((s.config ->> '$.update_period')::BIGINT, 1)
            + coalesce((s.config ->> '$.num_envs')::BIGINT, 1)
        )
)
SELECT
    p.run_id,
    p.noise_draw,
    min(p.first_position) FILTER (p.pass = 'target') AS update_id,
    string_agg(
        'the ' || p.pass || ' pass of ' || if(p.pass = 'acting', 'step ', 'update ')
            || p.first_position,
        ' and ' ORDER BY p.pass
    ) FILTER (p.pass <> 'target') AS others
FROM shared.noise_passes AS p
SEMI JOIN shared_draws USING (run_id, noise_draw)
GROUP BY p.run_id, p.noise_draw

-- name: noise_shared_by_online_passes
-- title: Each pass of the online net has a noise draw of its own
-- severity: warning
-- reads: updates
-- grain: run_id, noise_draw
-- groups: updates
-- needs: noise_passes, run_settings
-- requires: config.noisy = factorised | independent, updates.noise_online
-- diagnosis: noise draw {noise_draw} of run {run_id} serves {passes}; {found} draws serve several
--     passes of the online net, where NoisyNet-DQN draws for each
-- why: an action that is selected under the noise that is learned from is preferred because of its
--     noise. Some agents share one draw on purpose, to draw less often.
-- threshold: passes that lie no further apart than one update period
-- false_alarms: none; the comparison is exact
-- assumes: draws are numbered over all networks of the run
-- after: acting_noise_constant.of_updates
-- cites: Fortunato et al. 2018, Algorithm 1

WITH shared_draws AS (
    SELECT p.run_id, p.noise_draw
    FROM shared.noise_passes AS p
    JOIN shared.run_settings AS s USING (run_id)
    WHERE p.pass <> 'target'
    GROUP BY p.run_id, p.noise_draw
    HAVING count(*) > 1
        -- A draw id that comes back later is another fault: see noise_draws_fall.
        AND max(p.first_env_step) - min(p.last_env_step) <= any_value(
            coalesce((s.config ->> '$.update_period')::BIGINT, 1)
            + coalesce((s.config ->> '$.num_envs')::BIGINT, 1)
        )
)
SELECT
    p.run_id,
    p.noise_draw,
    string_agg(
        'the ' || p.pass || ' pass of ' || if(p.pass = 'acting', 'step ', 'update ')
            || p.first_position,
        ' and ' ORDER BY p.pass
    ) AS passes
FROM shared.noise_passes AS p
SEMI JOIN shared_draws USING (run_id, noise_draw)
WHERE p.pass <> 'target'
GROUP BY p.run_id, p.noise_draw

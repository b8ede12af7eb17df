-- name: update_noise_constant
-- title: Each update draws the noise of its passes anew
-- severity: error
-- reads: updates
-- also_reads: episodes
-- grain: run_id, pass, noise_draw
-- groups: updates
-- needs: noise_passes, run_settings
-- requires: config.noisy = factorised | independent, updates.noise_online, updates.noise_target
-- diagnosis: the {pass} pass used noise draw {noise_draw} in {uses} updates of run {run_id}, from
--     update {first_update_id} to {last_update_id} (agent steps {first_env_step} to
--     {last_env_step}), where every update draws it anew; its noise {cause}
-- why: a target that keeps one sample of its noise is a fixed, wrong network: its error enters
--     every target alike and does not average out.
-- false_alarms: none; the count is exact
-- assumes: one pass of each kind in an update
-- cites: Fortunato et al. 2018, Algorithm 1; Kaixhin/Rainbow#2 (target noise never redrawn)

WITH totals AS (
    SELECT run_id, pass, count(*) AS draws, sum(uses) AS uses
    FROM shared.noise_passes
    GROUP BY run_id, pass
),
games AS (
    SELECT run_id, count(*) AS episodes
    FROM episodes
    WHERE phase = 'train'
    GROUP BY run_id
)
SELECT
    p.run_id,
    p.pass,
    p.noise_draw,
    p.uses,
    p.first_position AS first_update_id,
    p.last_position AS last_update_id,
    p.first_env_step,
    p.last_env_step,
    CASE
        WHEN t.draws = 1 THEN 'is never drawn anew'
        WHEN g.episodes IS NULL THEN 'is drawn ' || t.draws || ' times in ' || t.uses || ' updates'
        ELSE 'is drawn ' || t.draws || ' times in ' || t.uses || ' updates and ' || g.episodes
            || ' episodes'
    END AS cause
FROM shared.noise_passes AS p
JOIN shared.run_settings AS s USING (run_id)
JOIN totals AS t USING (run_id, pass)
LEFT JOIN games AS g USING (run_id)
WHERE p.pass <> 'acting'
    AND p.last_position > p.first_position
    -- A draw id that comes back later is another fault: see noise_draws_fall.
    AND p.uses > p.last_position - p.first_position

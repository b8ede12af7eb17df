-- name: acting_noise_constant
-- title: Acting noise is drawn anew
-- severity: error
-- reads: transitions
-- also_reads: updates
-- grain: run_id, noise_draw
-- groups: transitions
-- needs: noise_counts, noise_passes, run_settings
-- requires: transitions.noise_draw, config.noisy = factorised | independent, config.update_period,
--     config.num_envs
-- diagnosis: noise draw {noise_draw} of run {run_id} chose {actions} actions, from agent step
--     {first_env_step} to {last_env_step}, where a draw may act for {longest} steps; the acting
--     noise {cause}
-- why: noise that stays makes the policy deterministic, and nothing explores. In the warm-up it
--     fills the replay with the actions of one sample of the network.
-- threshold: NoisyNet-DQN draws for each step. Some agents draw once for each learning step, so a
--     draw may act for one update period, rounded up to whole steps of all environments.
-- false_alarms: none; the count is exact
-- assumes: noise_draw names the draw that chose the action
-- cites: Fortunato et al. 2018, Algorithm 1; pytorch/rl#1963, Kaixhin/Rainbow a8d01b8 (constant
--     during warm-up), vwxyzjn/cleanrl (rainbow: drawn by updates alone)

WITH settings AS (
    SELECT
        run_id,
        (config ->> '$.update_period')::BIGINT + (config ->> '$.num_envs')::BIGINT - 1 AS longest,
        (config ->> '$.learning_starts')::BIGINT AS learning_starts
    FROM shared.run_settings
),
draws AS (
    SELECT
        run_id,
        noise_draw,
        count(*) AS actions,
        min(env_step) AS first_env_step,
        max(env_step) AS last_env_step
    FROM transitions
    SEMI JOIN (FROM shared.noise_counts WHERE NOT used_once) AS suspects USING (run_id)
    WHERE noise_draw IS NOT NULL
    GROUP BY run_id, noise_draw
),
totals AS (
    SELECT run_id, count(*) AS draws, max(last_env_step) AS steps
    FROM draws
    GROUP BY run_id
),
-- Draws that began to act once updates had begun, and those of them that are an update's.
acted AS (
    SELECT run_id, noise_draw
    FROM draws
    JOIN settings USING (run_id)
    WHERE first_env_step > learning_starts
),
-- One in ten may be drawn otherwise, as when an episode begins or a run is resumed.
borrowing AS (
    SELECT
        a.run_id,
        count(*) AS acted,
        count(*) FILTER (a.noise_draw IN (
            SELECT p.noise_draw
            FROM shared.noise_passes AS p
            WHERE p.run_id = a.run_id AND p.pass <> 'acting'
        )) AS borrowed,
        10 * borrowed >= 9 * acted AS of_updates
    FROM acted AS a
    GROUP BY a.run_id
)
SELECT
    d.*,
    s.longest,
    coalesce(b.of_updates, false) AS of_updates,
    CASE
        WHEN t.draws = 1 THEN 'is never drawn anew'
        WHEN b.of_updates
            THEN 'is not drawn for acting at all and changes only where an update draws: '
                || b.borrowed || ' of the ' || b.acted
                || ' draws that acted after the warm-up are an update''s own'
        WHEN d.last_env_step <= s.learning_starts + s.longest
            THEN 'stays during the warm-up, which ends at step ' || s.learning_starts
        ELSE 'is drawn ' || t.draws || ' times in ' || t.steps || ' steps'
    END AS cause
FROM draws AS d
JOIN settings AS s USING (run_id)
JOIN totals AS t USING (run_id)
LEFT JOIN borrowing AS b USING (run_id)
WHERE d.last_env_step - d.first_env_step + 1 > s.longest
    -- A draw id that comes back later is another fault: see noise_draws_fall.
    AND 2 * d.actions > d.last_env_step - d.first_env_step + 1

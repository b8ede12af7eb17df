-- name: noise_draws_fall
-- title: Noise draws rise from update to update
-- severity: error
-- reads: updates
-- grain: run_id, update_id
-- groups: updates
-- needs: run_settings
-- requires: config.noisy = factorised | independent, updates.noise_online
-- diagnosis: update {update_id} of run {run_id} (agent step {env_step}) used no noise draw beyond
--     {last_draw}, and the update before it, {previous_update_id}, had reached draw {previous_draw};
--     the count of draws was set back, as by a resume that forgets it
-- why: a count that is set back goes with a generator that is set back: noise that was used is
--     used again, and two draws of one id cannot be told apart.
-- false_alarms: none; the comparison is exact
-- assumes: draws are numbered over the whole run, in the order in which they are made
-- cites: wandb/wandb#6728, allenai/tango#152 (a resume restarts its counts)

SELECT *
FROM (
    SELECT
        u.run_id,
        u.update_id,
        u.env_step,
        greatest(u.noise_online, u.noise_target, u.noise_select) AS last_draw,
        lag(u.update_id) OVER ordered AS previous_update_id,
        lag(greatest(u.noise_online, u.noise_target, u.noise_select)) OVER ordered AS previous_draw
    FROM updates AS u
    SEMI JOIN shared.run_settings AS s USING (run_id)
    WINDOW ordered AS (PARTITION BY u.run_id ORDER BY u.update_id, u.env_step)
) AS draws
WHERE last_draw < previous_draw

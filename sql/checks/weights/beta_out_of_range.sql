-- name: beta_out_of_range
-- title: Beta below 0 or beyond 1, and an annealed beta that falls
-- severity: error
-- reads: updates
-- grain: run_id
-- groups: runs
-- needs: run_settings, sampled_batches
-- requires: updates.beta
-- diagnosis: beta {what} at update {first_update} (from {beta_before} to {beta}), and in {wrong}
--     of {updates} updates
-- why: weights of a beta beyond 1 turn the preference of the draws upside down, and a beta that
--     falls back, on resume for example, brings a bias back that was already taken away.
-- assumes: a beta that falls is wrong only where the config anneals it, to 1.
-- threshold: 4 * 2^-24, the rounding of a float32 beta and of the schedule it is computed by.
-- cites: Schaul et al. 2016, section 3.4; ray-project/ray#6973, y-kamiya ae32207

WITH settings AS MATERIALIZED (
    SELECT run_id, config ->> '$.beta_annealing' = 'true' AS annealing FROM shared.run_settings
),
followed AS (
    SELECT
        b.run_id,
        b.update_id,
        b.beta,
        lag(b.beta) OVER (PARTITION BY b.history ORDER BY b.update_id) AS beta_before,
        settings.annealing
    FROM shared.sampled_batches AS b
    LEFT JOIN settings ON settings.run_id = b.run_id
    WHERE b.beta IS NOT NULL
),
judged AS (
    SELECT
        *,
        CASE
            WHEN isnan(beta) THEN 'is not a number'
            WHEN beta > 1 + 4 * pow(2, -24) THEN 'goes beyond 1'
            WHEN beta < 0 THEN 'is below 0'
            WHEN annealing AND beta < beta_before - 4 * pow(2, -24) THEN 'falls'
        END AS what
    FROM followed
)
SELECT
    run_id,
    min(update_id) FILTER (what IS NOT NULL) AS first_update,
    arg_min(what, update_id) FILTER (what IS NOT NULL) AS what,
    arg_min(beta, update_id) FILTER (what IS NOT NULL) AS beta,
    arg_min_null(beta_before, update_id) FILTER (what IS NOT NULL) AS beta_before,
    count(what) AS wrong,
    count(*) AS updates
FROM judged
GROUP BY run_id
HAVING count(what) > 0

-- name: wrong_alpha
-- title: The logged exponent of the priorities against the setting
-- severity: error
-- reads: updates
-- grain: run_id
-- groups: runs
-- needs: run_settings
-- requires: config.alpha, updates.alpha
-- diagnosis: alpha is {found_alpha} in {wrong} of {updates} updates, from update {first_update}
--     on; the config says {alpha}
-- why: with another exponent the replay prefers large errors more or less sharply than the
--     settings say, and a comparison of runs compares something else.
-- threshold: 2^-24 of the setting, the rounding to float32.
-- cites: chainer/chainerrl#567 and #465 (a setting that is ignored)

WITH settings AS MATERIALIZED (
    SELECT run_id, TRY_CAST(config ->> '$.alpha' AS DOUBLE) AS alpha FROM shared.run_settings
),
judged AS (
    SELECT u.run_id, u.update_id, u.alpha AS logged, settings.alpha
    FROM updates AS u
    JOIN settings ON settings.run_id = u.run_id
    WHERE u.alpha IS NOT NULL
)
SELECT
    run_id,
    any_value(alpha) AS alpha,
    count(*) AS updates,
    count(*) FILTER (is_wrong) AS wrong,
    min(update_id) FILTER (is_wrong) AS first_update,
    arg_min(logged, update_id) FILTER (is_wrong) AS found_alpha
FROM (SELECT *, (abs(logged - alpha) <= pow(2, -24) * alpha) IS FALSE AS is_wrong FROM judged)
GROUP BY run_id
HAVING count(*) FILTER (is_wrong) > 0

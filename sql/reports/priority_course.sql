-- name: priority_course
-- title: Priorities of a few updates in each span of a run, quick enough to be asked again and again
-- question: how do the priorities of the draws move while a run is under way?
-- reading: quantiles are over the finite priorities of the newest updates of each span, not of all.
--     Equal quantiles mean that priorities do not tell transitions apart; NaN or infinite ones are
--     counted apart and always a fault.
-- empty: no update says at which agent step it was done
-- reads: updates, samples
-- params: spans BIGINT = 60 from 1 to 1000000, updates_per_span BIGINT = 20 from 1

-- A run has `spans` spans of agent steps of equal length. Of 12M samples these are some 40,000: the
-- quantiles of all take seconds, which someone who looks every other second has not.

WITH clocked AS (
    -- An update that is logged twice is one update here.
    SELECT run_id, update_id, min(env_step) AS env_step
    FROM updates
    WHERE env_step IS NOT NULL AND update_id IS NOT NULL
    GROUP BY run_id, update_id
),

bounds AS (
    SELECT run_id, min(env_step) AS first_step, max(env_step) + 1 - min(env_step) AS steps
    FROM clocked
    GROUP BY run_id
),

chosen AS (
    SELECT
        clocked.run_id,
        clocked.update_id,
        clocked.env_step,
        (clocked.env_step - bounds.first_step) * getvariable('spans') // bounds.steps AS span
    FROM clocked
    JOIN bounds USING (run_id)
    QUALIFY
        row_number() OVER (PARTITION BY clocked.run_id, span ORDER BY clocked.update_id DESC)
        <= getvariable('updates_per_span')
)

SELECT
    chosen.run_id,
    max(chosen.env_step) AS env_step,
    count(samples.priority) AS draws,
    count(*) FILTER (NOT isfinite(samples.priority)) AS not_finite,
    quantile_disc(samples.priority, 0.1) FILTER (isfinite(samples.priority)) AS priority_p10,
    quantile_disc(samples.priority, 0.5) FILTER (isfinite(samples.priority)) AS priority_p50,
    quantile_disc(samples.priority, 0.9) FILTER (isfinite(samples.priority)) AS priority_p90,
    max(samples.priority) FILTER (isfinite(samples.priority)) AS priority_max
FROM samples
JOIN chosen USING (run_id, update_id)
GROUP BY chosen.run_id, chosen.span
ORDER BY chosen.run_id, env_step

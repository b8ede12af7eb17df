-- name: draws_over_time
-- title: Priorities, ages and weights of the draws, and beta, as training went on
-- question: what did the replay draw, and how were the draws weighted?
-- reads: samples, updates
-- requires: updates.env_step
-- params: spans BIGINT = 48 from 1 to 1000000
-- reading: under uniform draws the median age is half the buffer's size. Weights whose median falls
--     towards 0 say that a few draws of small probability hold the batch's maximum.

-- A run has `spans` spans of agent steps of equal length; one without updates has no row. The age
-- of a sample is the number of transitions that were stored after it. Quantiles are the 5th, 50th
-- and 95th percentile of the finite values, and NULL where the log has none.

WITH clocked AS (
    -- An update that is logged twice is one update here.
    SELECT
        run_id,
        update_id,
        min(env_step) AS env_step,
        min(last_transition_id) AS last_transition_id,
        min(beta) AS beta,
        min(buffer_size) AS buffer_size
    FROM updates
    WHERE env_step IS NOT NULL
    GROUP BY run_id, update_id
),

bounds AS (
    SELECT run_id, min(env_step) AS first_step, max(env_step) + 1 - min(env_step) AS steps
    FROM clocked
    GROUP BY run_id
),

timed AS (
    SELECT
        clocked.*,
        (clocked.env_step - bounds.first_step) * getvariable('spans') // bounds.steps AS span
    FROM clocked
    JOIN bounds USING (run_id)
),

settings AS (
    SELECT
        run_id,
        span,
        count(*) AS updates,
        avg(beta) FILTER (isfinite(beta)) AS beta,
        avg(buffer_size) AS buffer_size
    FROM timed
    GROUP BY run_id, span
),

drawn AS (
    SELECT
        timed.run_id,
        timed.span,
        count(*) AS draws,
        quantile_disc(s.priority, [0.05, 0.5, 0.95]) FILTER (isfinite(s.priority)) AS priority,
        quantile_disc(timed.last_transition_id - s.transition_id, [0.05, 0.5, 0.95]) AS age,
        quantile_disc(s.weight, [0.05, 0.5, 0.95]) FILTER (isfinite(s.weight)) AS weight
    FROM samples AS s
    JOIN timed USING (run_id, update_id)
    GROUP BY timed.run_id, timed.span
)

SELECT
    settings.run_id,
    bounds.first_step + ceil(settings.span * bounds.steps / getvariable('spans'))::BIGINT
        AS from_step,
    bounds.first_step + ceil((settings.span + 1) * bounds.steps / getvariable('spans'))::BIGINT - 1
        AS to_step,
    settings.updates,
    coalesce(drawn.draws, 0) AS draws,
    drawn.priority[1] AS priority_p05,
    drawn.priority[2] AS priority_p50,
    drawn.priority[3] AS priority_p95,
    drawn.age[1] AS age_p05,
    drawn.age[2] AS age_p50,
    drawn.age[3] AS age_p95,
    settings.buffer_size,
    drawn.weight[1] AS weight_p05,
    drawn.weight[2] AS weight_p50,
    drawn.weight[3] AS weight_p95,
    settings.beta
FROM settings
JOIN bounds USING (run_id)
LEFT JOIN drawn USING (run_id, span)
ORDER BY settings.run_id, from_step

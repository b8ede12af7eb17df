-- name: replay_ratio
-- title: Updates and draws for each agent step and each stored transition, and what settings ask for
-- question: how much is really learned from each step?
-- reading: updates_a_step should be what the settings ask for, 1 / update_period; NULL where they do not
--     say. Fewer are updates that were skipped. draws_a_transition is how often a stored transition is
--     replayed on average: 8 for a batch of 32 at an update every four steps. Rows begin with the first
--     update. stored counts the transitions since the row before, and is NULL in the first one, whose
--     draws are mostly of transitions that were stored before learning started.
-- reads: updates
-- also_reads: samples, runs
-- needs: update_spans, run_settings

WITH drawn AS (
    SELECT run_id, update_id, count(*) AS draws
    FROM samples
    GROUP BY run_id, update_id
),

spans AS (
    SELECT
        u.run_id,
        u.span,
        any_value(u.to_step) AS to_step,
        any_value(u.to_step - u.from_step + 1) AS steps,
        count(*) AS updates,
        coalesce(sum(drawn.draws), 0)::BIGINT AS draws,
        max(u.last_id) AS last_id
    FROM shared.update_spans AS u
    LEFT JOIN drawn USING (run_id, update_id)
    GROUP BY u.run_id, u.span
),

stored AS (
    -- Those of the first span were stored before its first update; the log does not say when.
    SELECT *, last_id - lag(last_id) OVER (PARTITION BY run_id ORDER BY span) AS stored
    FROM spans
)

SELECT
    run_id,
    to_step,
    steps,
    updates,
    stored,
    draws,
    updates / steps AS updates_a_step,
    1 / nullif(TRY_CAST(settings.config ->> '$.update_period' AS DOUBLE), 0) AS asked_for,
    draws / nullif(stored, 0) AS draws_a_transition
FROM stored
LEFT JOIN shared.run_settings AS settings USING (run_id)
ORDER BY run_id, to_step

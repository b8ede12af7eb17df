-- name: noise_draws
-- title: How often the noise was drawn anew, for each pass of an update and while acting
-- question: is the exploration noise really noise?
-- reading: in Rainbow each pass of an update has a draw of its own, so that the columns of draws of the
--     three passes equal updates, and shared_in_update, the updates in which two passes used one draw, is 0.
--     Each action has a draw of its own as well: acting_draws, those that acted for the first time in
--     that span of steps, equals actions (with several environments, one draw may serve all of them).
--     shared_with_update counts those of them that a pass of an update used too: 0, or the agent acts
--     under noise that it learns from. The first row, without updates, is the steps before them. No
--     noise at all is a NULL or a 0 throughout.
-- empty: no update and no transition names a noise draw
-- reads: updates
-- also_reads: transitions
-- needs: update_spans

-- Steps before the first update are one row, those after the last one belong to the last row. A
-- draw that acted stands where it acted first, so that a column adds up to the draws of the run.
WITH clocks AS (
    -- Without the agent step of each update, nothing says what acted between two of them.
    SELECT
        run_id,
        min(env_step) AS first_step,
        max(env_step) AS last_step,
        last_step + 1 - first_step AS steps
    FROM updates
    WHERE update_id IS NOT NULL
    GROUP BY run_id
    HAVING bool_and(env_step IS NOT NULL)
),

acted AS (
    SELECT
        t.run_id,
        t.noise_draw,
        if(
            t.env_step < c.first_step,
            -1,
            (least(t.env_step, c.last_step) - c.first_step) * 20 // c.steps
        ) AS span,
        c.first_step + ceil((span + 1) * c.steps / 20)::BIGINT - 1 AS to_step,
        row_number() OVER (PARTITION BY t.run_id, t.noise_draw ORDER BY t.env_step) = 1 AS is_first
    FROM transitions AS t
    JOIN clocks AS c USING (run_id)
    WHERE t.noise_draw IS NOT NULL AND t.env_step IS NOT NULL
),

of_updates AS (
    SELECT DISTINCT run_id, unnest([noise_online, noise_target, noise_select]) AS noise_draw
    FROM updates
),

acting AS (
    SELECT
        a.run_id,
        a.span,
        any_value(a.to_step) AS to_step,
        count(*) AS actions,
        count(*) FILTER (a.is_first) AS acting_draws,
        count(*) FILTER (a.is_first AND u.noise_draw IS NOT NULL) AS shared_with_update
    FROM acted AS a
    LEFT JOIN of_updates AS u USING (run_id, noise_draw)
    GROUP BY a.run_id, a.span
),

learning AS (
    SELECT
        run_id,
        span,
        any_value(to_step) AS to_step,
        count(*) AS updates,
        count(DISTINCT noise_online) AS online_draws,
        count(DISTINCT noise_target) AS target_draws,
        count(DISTINCT noise_select) AS select_draws,
        count(*) FILTER (
            noise_online = noise_target
            OR noise_online = noise_select
            OR noise_target = noise_select
        ) AS shared_in_update
    FROM shared.update_spans
    GROUP BY run_id, span
)

SELECT
    run_id,
    coalesce(l.to_step, a.to_step) AS to_step,
    coalesce(l.updates, 0) AS updates,
    coalesce(l.online_draws, 0) AS online_draws,
    coalesce(l.target_draws, 0) AS target_draws,
    coalesce(l.select_draws, 0) AS select_draws,
    coalesce(l.shared_in_update, 0) AS shared_in_update,
    a.actions,
    a.acting_draws,
    a.shared_with_update
FROM learning AS l
FULL JOIN acting AS a USING (run_id, span)
WHERE l.online_draws + l.target_draws + l.select_draws > 0 OR a.actions > 0
ORDER BY run_id, to_step

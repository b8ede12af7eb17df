-- name: noise_draws
-- title: How often the noise was drawn anew, for each pass of an update and while acting
-- question: is the exploration noise really noise?
-- reading: each update should have draws of its own, so that the three columns of draws equal updates, and
--     shared, the updates in which two passes used one draw, is 0. acting is the number of draws for
--     each agent step of the episodes: 1 in Rainbow. No noise at all is a NULL or a 0 throughout.
-- empty: no update names a noise draw
-- reads: updates
-- also_reads: episodes
-- needs: update_spans

WITH played AS (
    SELECT
        e.run_id,
        sum(e.noise_draws) / nullif(sum(e.length) FILTER (e.noise_draws IS NOT NULL), 0) AS acting
    FROM episodes AS e
    WHERE coalesce(e.phase, 'train') = 'train'
    GROUP BY e.run_id
)

SELECT
    run_id,
    any_value(to_step) AS to_step,
    count(*) AS updates,
    count(DISTINCT noise_online) AS online_draws,
    count(DISTINCT noise_target) AS target_draws,
    count(DISTINCT noise_select) AS select_draws,
    count(*) FILTER (
        noise_online = noise_target OR noise_online = noise_select OR noise_target = noise_select
    ) AS shared,
    any_value(played.acting) AS acting
FROM shared.update_spans
LEFT JOIN played USING (run_id)
GROUP BY run_id, span
HAVING count(noise_online) + count(noise_target) + count(noise_select) > 0
ORDER BY run_id, to_step

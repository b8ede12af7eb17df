-- name: noise_counts
-- title: Noise draws and their uses in each run
-- reads: transitions, updates

-- uses: passes that used noise, where all actions under one draw are one pass; draws: distinct
-- draws among them; gaps: draws that no pass used, up to the last one that acted (the windows that
-- are open when a log ends are not stored, so what acted in them is not known).
WITH acting AS (
    SELECT run_id, noise_draw
    FROM transitions
    WHERE noise_draw IS NOT NULL
    GROUP BY ALL
),
last_acting AS (
    SELECT run_id, max(noise_draw) AS last_draw
    FROM acting
    GROUP BY run_id
),
used AS (
    SELECT run_id, noise_draw FROM acting
    UNION ALL
    SELECT run_id, noise_select FROM updates WHERE noise_select IS NOT NULL
    UNION ALL
    SELECT run_id, noise_target FROM updates WHERE noise_target IS NOT NULL
    UNION ALL
    SELECT run_id, noise_online FROM updates WHERE noise_online IS NOT NULL
)
SELECT
    u.run_id,
    count(*) AS uses,
    count(DISTINCT u.noise_draw) AS draws,
    l.last_draw - min(u.noise_draw) + 1
        - count(DISTINCT u.noise_draw) FILTER (u.noise_draw <= l.last_draw) AS gaps
FROM used AS u
LEFT JOIN last_acting AS l USING (run_id)
GROUP BY u.run_id, l.last_draw

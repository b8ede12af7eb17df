-- name: noise_counts
-- title: Noise draws and their uses in each run
-- reads: transitions, updates

-- uses: passes that used noise, where all actions under one draw are one pass; draws: distinct
-- draws among them; gaps: draws that no pass used; used_once: every draw served one action or one
-- pass, and there are no gaps. The windows that are open when a log ends are not stored, so what
-- acted in them is not known, and draws after the last one that acted are left out.
--
-- Hashes of all draws are summed and compared with those of the numbers from the first to the last:
-- equal sums mean the same draws, but for a chance of 2^-64. That takes 0.35 s of CPU for 2.6M
-- draws, and counting distinct ones 1.1 s, which is done for the other runs only (all those with
-- several environments).
WITH last_acting AS (
    SELECT run_id, max(noise_draw) AS last_draw
    FROM transitions
    GROUP BY run_id
),
used AS NOT MATERIALIZED (
    SELECT run_id, noise_draw, true AS acts FROM transitions
    UNION ALL
    SELECT run_id, noise_select, false FROM updates
    UNION ALL
    SELECT run_id, noise_target, false FROM updates
    UNION ALL
    SELECT run_id, noise_online, false FROM updates
),
judged AS NOT MATERIALIZED (
    SELECT u.run_id, u.noise_draw, u.acts, l.last_draw
    FROM used AS u
    LEFT JOIN last_acting AS l USING (run_id)
    WHERE u.noise_draw IS NOT NULL AND (u.noise_draw > l.last_draw) IS NOT TRUE
),
sums AS (
    SELECT
        run_id,
        last_draw,
        count(*) AS uses,
        min(noise_draw) AS first_draw,
        sum(hash(noise_draw)) AS hashes
    FROM judged
    GROUP BY run_id, last_draw
),
compared AS MATERIALIZED (
    SELECT
        s.*,
        s.uses = s.last_draw - s.first_draw + 1 AND s.hashes = (
            SELECT sum(hash(n.draw))
            FROM range(s.first_draw, s.last_draw + 1) AS n (draw)
        ) AS used_once
    FROM sums AS s
),
unclear AS (
    FROM compared WHERE used_once IS NOT TRUE
)
SELECT run_id, uses, uses AS draws, 0 AS gaps, true AS used_once
FROM compared
WHERE used_once
UNION ALL
SELECT
    c.run_id,
    count(*) AS uses,
    count(DISTINCT g.noise_draw) AS draws,
    c.last_draw - c.first_draw + 1 - count(DISTINCT g.noise_draw) AS gaps,
    false AS used_once
FROM unclear AS c
JOIN (
    SELECT run_id, noise_draw
    FROM judged
    SEMI JOIN unclear USING (run_id)
    WHERE NOT acts
    UNION ALL
    SELECT DISTINCT run_id, noise_draw
    FROM judged
    SEMI JOIN unclear USING (run_id)
    WHERE acts
) AS g USING (run_id)
GROUP BY c.run_id, c.first_draw, c.last_draw

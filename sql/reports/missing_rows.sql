-- name: missing_rows
-- title: Ids that are missing from the log, and ids that it has more than once
-- question: is the log whole?
-- reading: ids of transitions, updates and training episodes go up one by one, so that a gap is rows that
--     were never written, and a thinned log misses most. longest_gap ends before the id gap_before.
--     Episodes that are still being played are missing at the end, and are not counted.
-- reads: updates
-- also_reads: transitions, episodes

WITH logged AS (
    SELECT run_id, 'transitions' AS of_table, transition_id AS id FROM transitions
    UNION ALL
    SELECT run_id, 'updates', update_id FROM updates
    UNION ALL
    SELECT run_id, 'episodes', episode_id FROM episodes WHERE episode_id >= 0
),

counted AS (
    SELECT run_id, of_table, id, count(*) AS copies
    FROM logged
    WHERE id IS NOT NULL
    GROUP BY run_id, of_table, id
),

stepped AS (
    SELECT *, id - lag(id) OVER (PARTITION BY run_id, of_table ORDER BY id) - 1 AS gap
    FROM counted
)

SELECT
    run_id,
    of_table,
    min(id) AS first_id,
    max(id) AS last_id,
    sum(copies)::BIGINT AS "rows",
    coalesce(sum(gap), 0)::BIGINT AS missing,
    count(*) FILTER (gap > 0) AS gaps,
    coalesce(max(gap), 0) AS longest_gap,
    arg_max(id, gap) FILTER (gap > 0) AS gap_before,
    sum(copies - 1)::BIGINT AS repeated
FROM stepped
GROUP BY run_id, of_table
ORDER BY run_id, of_table

-- name: histories
-- title: Which segments of a run go on from one another, and so share one replay
-- reads: raw.segments, raw.updates

-- A segment that resumed continues the replay of the segment whose checkpoint it read. Segments
-- of one run id that did not resume are processes that took the same id by mistake: each has a
-- replay of its own, and is judged by itself. NULL segments, from trainers that write none, are
-- one history of their run.
WITH RECURSIVE chain AS (
    SELECT run_id, segment_id, segment_id AS origin
    FROM raw.segments
    WHERE resumed_from IS NULL
    UNION
    SELECT s.run_id, s.segment_id, chain.origin
    FROM raw.segments AS s
    JOIN chain ON chain.run_id = s.run_id AND chain.segment_id = s.resumed_from
),
writers AS (
    SELECT DISTINCT run_id, segment_id FROM raw.updates
)
SELECT
    w.run_id,
    w.segment_id,
    dense_rank() OVER (ORDER BY w.run_id, coalesce(min(chain.origin), w.segment_id)) AS history
FROM writers AS w
LEFT JOIN chain ON chain.run_id = w.run_id AND chain.segment_id = w.segment_id
GROUP BY w.run_id, w.segment_id

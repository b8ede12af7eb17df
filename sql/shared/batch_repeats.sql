-- name: batch_repeats
-- title: Transitions that stand at two or more positions of one batch
-- reads: raw.samples, raw.updates
-- needs: batch_shapes

-- A batch is drawn by one process, so its segment is part of its key, and the rows that a resume
-- made obsolete are batches like any other. Positions are counted and not rows: a row that was
-- logged twice is no repeat. NULL segments are matched: other trainers may not write any.
WITH batches AS (
    SELECT run_id, segment_id, update_id
    FROM shared.batch_shapes
    WHERE drawn > transitions
),
repeats AS (
    SELECT
        s.run_id,
        s.segment_id,
        s.update_id,
        s.transition_id,
        count(DISTINCT s.batch_index) AS draws,
        min(s.batch_index) AS first_position,
        max(s.batch_index) AS last_position,
        max(s.priority) AS priority
    FROM raw.samples AS s
    SEMI JOIN batches AS b
        ON b.run_id = s.run_id
        AND b.segment_id IS NOT DISTINCT FROM s.segment_id
        AND b.update_id = s.update_id
    WHERE s.transition_id IS NOT NULL AND s.batch_index IS NOT NULL
    GROUP BY ALL
    HAVING count(DISTINCT s.batch_index) > 1
),
updates AS (
    SELECT
        run_id,
        segment_id,
        update_id,
        any_value(batch_size) AS batch_size,
        any_value(buffer_size) AS buffer_size,
        any_value(priority_total) AS priority_total
    FROM raw.updates
    SEMI JOIN batches USING (run_id, update_id)
    GROUP BY ALL
)
SELECT
    r.*,
    u.batch_size,
    u.buffer_size,
    u.batch_size * r.priority / nullif(u.priority_total, 0) AS expected_draws
FROM repeats AS r
LEFT JOIN updates AS u
    ON u.run_id = r.run_id
    AND u.segment_id IS NOT DISTINCT FROM r.segment_id
    AND u.update_id = r.update_id

-- name: batch_rows_unlike_size
-- title: Samples of each update against its batch size
-- severity: error
-- reads: samples, updates
-- grain: run_id, update_id
-- groups: updates = updates
-- needs: batch_shapes
-- requires: updates.batch_size
-- diagnosis: update {update_id} of run {run_id} has {rows} samples in the log and a batch size of
--     {batch_size} ({found} such updates)
-- why: an update whose samples are missing or belong to no update cannot be judged, and what was
--     learned from is not what the log says.
-- assumes: samples are logged for every update, or for whole updates at fixed distances: an update
--     without any samples is left out.
-- after: duplicate_samples, resume_does_not_continue, rows_missing, rows_dropped, run_id_shared
-- cites: ray-project/ray#29916 (rows of several runs under one id).

WITH logged AS (
    SELECT b.run_id, b.update_id, sum(b.rows)::BIGINT AS "rows"
    FROM shared.batch_shapes AS b
    LEFT JOIN raw.segment_cuts AS cut USING (run_id, segment_id)
    WHERE (b.update_id > cut.last_update_id) IS NOT TRUE
    GROUP BY b.run_id, b.update_id
),
stated AS (
    SELECT run_id, update_id, any_value(batch_size) AS batch_size
    FROM updates
    GROUP BY run_id, update_id
)
SELECT run_id, update_id, l.rows, s.batch_size
FROM logged AS l
LEFT JOIN stated AS s USING (run_id, update_id)
WHERE l.rows IS DISTINCT FROM s.batch_size

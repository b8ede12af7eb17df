-- name: batch_rows_unlike_size
-- title: Samples of each update against its batch size
-- severity: error
-- reads: samples, updates
-- grain: run_id, update_id
-- groups: updates = updates
-- requires: updates.batch_size
-- incremental: update_id
-- diagnosis: update {update_id} of run {run_id} has {rows} samples in the log and a batch size of
--     {batch_size} ({found} such updates)
-- why: an update whose samples are missing or belong to no update cannot be judged, and what was
--     learned from is not what the log says.
-- assumes: samples are logged for every update, or for whole updates at fixed distances: an update
--     without any samples is left out.
-- cites: ray-project/ray#29916 (rows of several runs under one id).

WITH logged AS (
    SELECT run_id, update_id, count(*) AS "rows"
    FROM samples
    GROUP BY run_id, update_id
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

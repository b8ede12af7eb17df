-- name: duplicate_samples
-- title: Samples (run, update, batch position)
-- severity: error
-- reads: raw.samples
-- grain: run_id, update_id, batch_index, obsolete_in
-- groups: batch positions
-- needs: batch_shapes
-- requires: samples.update_id, samples.batch_index
-- diagnosis: batch position {batch_index} of update {update_id} of run {run_id} is logged {copies}
--     times (distinct transitions: {transitions}), where one position is one draw
-- why: a sample row that is counted twice shifts every statistic of the sampler, and two draws at
--     one position mean that two processes or two passes wrote the same update.
-- after: resume_does_not_continue, run_id_shared
-- cites: DLR-RM/stable-baselines3#852 (lines doubled), wandb/wandb#6728 (steps logged again)

-- obsolete_in: NULL for the rows that belong to the run, whichever process wrote them; the segment
-- of those that a later resume made obsolete, which are compared among themselves.
--
-- Only batches with a position twice, or that several processes logged, are looked at row by row.
WITH batches AS (
    SELECT
        b.run_id,
        CASE WHEN (b.update_id > cut.last_update_id) IS TRUE THEN b.segment_id END AS obsolete_in,
        b.update_id,
        b.segment_id,
        b.placed,
        b.positions
    FROM shared.batch_shapes AS b
    LEFT JOIN raw.segment_cuts AS cut USING (run_id, segment_id)
    WHERE b.update_id IS NOT NULL
),
suspects AS (
    SELECT *
    FROM batches
    QUALIFY placed > positions
        OR count(*) OVER (PARTITION BY run_id, obsolete_in, update_id) > 1
)
SELECT
    s.run_id,
    s.update_id,
    s.batch_index,
    suspects.obsolete_in,
    count(*) AS copies,
    count(DISTINCT s.transition_id) AS transitions
FROM raw.samples AS s
JOIN suspects
    ON suspects.run_id = s.run_id
    AND suspects.segment_id IS NOT DISTINCT FROM s.segment_id
    AND suspects.update_id = s.update_id
WHERE s.batch_index IS NOT NULL
GROUP BY ALL
HAVING count(*) > 1

-- name: duplicate_samples
-- title: Samples (run, update, batch position)
-- severity: error
-- reads: raw.samples
-- grain: run_id, update_id, batch_index, obsolete_in
-- groups: batch positions
-- requires: samples.update_id, samples.batch_index
-- diagnosis: batch position {batch_index} of update {update_id} of run {run_id} is logged {copies}
--     times (distinct transitions: {transitions}), where one position is one draw
-- why: a sample row that is counted twice shifts every statistic of the sampler, and two draws at
--     one position mean that two processes or two passes wrote the same update.
-- cites: DLR-RM/stable-baselines3#852 (lines doubled), wandb/wandb#6728 (steps logged again)

-- obsolete_in: NULL for the rows that belong to the run, whichever process wrote them; the segment
-- of those that a later resume made obsolete, which are compared among themselves.
--
-- Whole batches are compared first: 1 s on 12M samples with two threads, where grouping by
-- position takes 4 s.
WITH rows AS NOT MATERIALIZED (
    SELECT
        s.run_id,
        CASE WHEN (s.update_id > cut.last_update_id) IS TRUE THEN s.segment_id END AS obsolete_in,
        s.update_id,
        s.batch_index,
        s.transition_id
    FROM raw.samples AS s
    LEFT JOIN raw.segment_cuts AS cut USING (run_id, segment_id)
    WHERE s.update_id IS NOT NULL AND s.batch_index IS NOT NULL
),
suspects AS (
    SELECT run_id, obsolete_in, update_id
    FROM rows
    GROUP BY ALL
    HAVING count(*) > len(list_distinct(list(batch_index)))
)
SELECT
    rows.run_id,
    rows.update_id,
    rows.batch_index,
    rows.obsolete_in,
    count(*) AS copies,
    count(DISTINCT rows.transition_id) AS transitions
FROM rows
SEMI JOIN suspects
    ON suspects.run_id = rows.run_id
    AND suspects.obsolete_in IS NOT DISTINCT FROM rows.obsolete_in
    AND suspects.update_id = rows.update_id
GROUP BY ALL
HAVING count(*) > 1

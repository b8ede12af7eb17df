-- name: duplicate_update_ids
-- title: Update ids (run, update)
-- severity: error
-- reads: raw.updates
-- grain: run_id, update_id, obsolete_in
-- groups: update ids
-- requires: updates.update_id
-- diagnosis: update {update_id} of run {run_id} is logged {copies} times (distinct processes:
--     {segments}), at agent steps {first_env_step} to {last_env_step}
-- why: the samples of an update are found by its id. Two updates under one id share their samples,
--     and every figure for each update (beta, priority total, loss) becomes ambiguous.
-- after: resume_does_not_continue, run_id_shared
-- cites: wandb/wandb#6728, allenai/tango#152 (a resume restarts its step count)

-- obsolete_in: NULL for the rows that belong to the run, whichever process wrote them; the segment
-- of those that a later resume made obsolete, which are compared among themselves.
SELECT
    u.run_id,
    u.update_id,
    CASE WHEN (u.update_id > cut.last_update_id) IS TRUE THEN u.segment_id END AS obsolete_in,
    count(*) AS copies,
    count(DISTINCT u.segment_id) AS segments,
    min(u.env_step) AS first_env_step,
    max(u.env_step) AS last_env_step
FROM raw.updates AS u
LEFT JOIN raw.segment_cuts AS cut USING (run_id, segment_id)
WHERE u.update_id IS NOT NULL
GROUP BY ALL
HAVING count(*) > 1

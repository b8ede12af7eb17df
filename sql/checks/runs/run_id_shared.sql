-- name: run_id_shared
-- title: One run id, one run
-- severity: error
-- reads: raw.segments
-- also_reads: raw.events
-- grain: run_id
-- groups: runs
-- diagnosis: {beginnings} processes began a run under the id {run_id} (hosts {hosts}, pids {pids},
--     first at {first_start}, last at {last_start}) and none of them resumes another, so the rows
--     of several runs are mixed
-- why: ids made from the clock collide when runs start together, and everything that is computed by
--     run mixes their rows.
-- false_alarms: none; exact
-- assumes: a process that goes on with a run states resumed_from, or that its log was changed under
--     it (an event rows_lost)
-- cites: vwxyzjn/cleanrl#256, ray-project/ray#29916

SELECT
    run_id,
    count(*) AS beginnings,
    string_agg(DISTINCT host, ' and ') AS hosts,
    string_agg(DISTINCT pid::VARCHAR, ' and ') AS pids,
    min(started_at) AS first_start,
    max(started_at) AS last_start
FROM raw.segments AS s
ANTI JOIN (FROM raw.events WHERE kind = 'rows_lost') AS lost USING (run_id, segment_id)
WHERE resumed_from IS NULL
GROUP BY run_id
HAVING count(*) > 1

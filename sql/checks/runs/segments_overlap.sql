-- name: segments_overlap
-- title: One process at a time works on a run
-- severity: error
-- reads: raw.segments
-- grain: run_id, segment_id
-- groups: segments
-- params: clock_seconds DOUBLE = 60.0 from 0
-- diagnosis: process {pid} on {host} took up run {run_id} at {started_at}, and process
--     {previous_pid} on {previous_host} was at work on it until {previous_end} at least
-- why: two processes that train the same run write two continuations of it under the same ids.
-- threshold: on one host any overlap; between hosts clock_seconds, because clocks differ
-- false_alarms: none on one host; between hosts if clocks differ by more
-- cites: wandb/wandb#6728, ray-project/ray#29916

SELECT
    run_id,
    segment_id,
    host,
    pid,
    started_at,
    previous_host,
    previous_pid,
    previous_end
FROM (
    SELECT
        *,
        lag(host) OVER ordered AS previous_host,
        lag(pid) OVER ordered AS previous_pid,
        lag(coalesce(ended_at, heartbeat_at)) OVER ordered AS previous_end
    FROM raw.segments
    WINDOW ordered AS (PARTITION BY run_id ORDER BY started_at, ordinal)
) AS segments
WHERE started_at
    + if(host = previous_host, 0, getvariable('clock_seconds')) * INTERVAL 1 SECOND < previous_end

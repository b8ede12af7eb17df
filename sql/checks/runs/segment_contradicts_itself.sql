-- name: segment_contradicts_itself
-- title: What a process says of itself adds up
-- severity: error
-- reads: raw.segments
-- grain: run_id, segment_id, problem
-- groups: segments
-- diagnosis: process {pid} of run {run_id} (segment {segment_id}, {state}) {problem}
-- why: the ledger says whether a log is complete. If it does not add up, rows were lost and nobody
--     was told.
-- false_alarms: none; exact. While a process runs, rows may be in memory.
-- cites: the ledger: rows offered = written + spooled + dropped once a process has ended

WITH ledger AS (
    SELECT
        run_id,
        segment_id,
        pid,
        state,
        unnest(map_keys(rows_offered)) AS named,
        rows_offered,
        rows_written,
        rows_spooled,
        rows_dropped
    FROM raw.segments
),
sums AS (
    SELECT
        run_id,
        segment_id,
        pid,
        state,
        named,
        rows_offered[named] AS offered,
        coalesce(rows_written[named], 0) AS written,
        coalesce(rows_spooled[named], 0) AS spooled,
        coalesce(rows_dropped[named], 0) AS dropped
    FROM ledger
)
SELECT
    run_id,
    segment_id,
    pid,
    state,
    'was offered ' || offered || ' rows of ' || named || ', and wrote ' || written || ', spooled '
        || spooled || ' and dropped ' || dropped AS problem
FROM sums
WHERE offered < written + spooled + dropped
    OR (offered > written + spooled + dropped AND state <> 'running')
UNION ALL
SELECT run_id, segment_id, pid, state, problem
FROM (
    SELECT
        *,
        CASE
            WHEN state NOT IN ('running', 'finished', 'interrupted', 'failed')
                THEN 'has an unknown state'
            WHEN end_step < start_step
                THEN 'ends at step ' || end_step || ' and began at step ' || start_step
            WHEN heartbeat_at < started_at THEN 'gave its last sign before it started'
            WHEN ended_at < started_at THEN 'ended before it started'
            WHEN state = 'running' AND ended_at IS NOT NULL THEN 'has an end, and runs'
            WHEN state <> 'running' AND ended_at IS NULL THEN 'is over, and has no time of its end'
        END AS problem
    FROM raw.segments
) AS segments
WHERE problem IS NOT NULL

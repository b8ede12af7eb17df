-- name: rows_dropped
-- title: No row was dropped
-- severity: warning
-- reads: raw.segments
-- grain: run_id, segment_id, table_name
-- groups: segments
-- diagnosis: {dropped} of the {offered} rows of {table_name} that process {pid} of run {run_id} was
--     offered are lost: neither the file nor its spool could be written, or the file was deleted,
--     replaced or cut under it (an event rows_lost says so)
-- why: counts and sums over an incomplete table are wrong, and other checks may find the gaps.
-- false_alarms: none; exact

SELECT
    run_id,
    segment_id,
    table_name,
    pid,
    rows_dropped[table_name] AS dropped,
    rows_offered[table_name] AS offered
FROM (
    SELECT *, unnest(map_keys(rows_dropped)) AS table_name
    FROM raw.segments
) AS ledger
WHERE rows_dropped[table_name] > 0

-- name: rows_missing
-- title: The log holds the rows that its ledger says were written
-- severity: error
-- reads: raw.segments
-- also_reads: raw.episodes, raw.transitions, raw.updates, raw.samples, raw.events
-- grain: run_id, segment_id, table_name
-- groups: segments
-- diagnosis: the log has {present} rows of {table_name} for segment {segment_id} of run {run_id}, and
--     its ledger says that {written} were written{spooled_too}
-- why: rows that were lost or added after the run make every count and sum over it wrong.
-- threshold: rows that the ledger has in the spool may have been folded in already
-- false_alarms: none; exact
-- after: orphan_rows
-- cites: the ledger: rows written are the rows in the file, obsolete ones included

WITH present AS (
    SELECT segment_id, 'episodes' AS table_name, count(*) AS present
    FROM raw.episodes GROUP BY segment_id
    UNION ALL
    SELECT segment_id, 'transitions', count(*) FROM raw.transitions GROUP BY segment_id
    UNION ALL
    SELECT segment_id, 'updates', count(*) FROM raw.updates GROUP BY segment_id
    UNION ALL
    SELECT segment_id, 'samples', count(*) FROM raw.samples GROUP BY segment_id
    UNION ALL
    SELECT segment_id, 'events', count(*) FROM raw.events GROUP BY segment_id
),
ledger AS (
    SELECT
        run_id,
        segment_id,
        unnest(map_keys(rows_written)) AS table_name,
        rows_written,
        rows_spooled
    FROM raw.segments
)
SELECT
    l.run_id,
    l.segment_id,
    l.table_name,
    coalesce(p.present, 0) AS present,
    l.rows_written[l.table_name] AS written,
    if(
        l.rows_spooled[l.table_name] > 0,
        ' and ' || l.rows_spooled[l.table_name] || ' are spooled',
        ''
    ) AS spooled_too
FROM ledger AS l
LEFT JOIN present AS p USING (segment_id, table_name)
WHERE coalesce(p.present, 0) < l.rows_written[l.table_name]
    OR coalesce(p.present, 0)
        > l.rows_written[l.table_name] + coalesce(l.rows_spooled[l.table_name], 0)

-- name: log_size
-- title: Rows of each table by run, and their size before compression
-- question: what makes the log as large as it is?
-- reading: samples make up nearly all of a log. Bytes are what the columns take in memory, text and
--     maps left out; in the file DuckDB compresses them, samples to about half. obsolete rows are those
--     that a resume did again: the views leave them out.
-- empty: the log is empty
-- reads: raw.runs
-- also_reads: raw.segments, raw.episodes, raw.transitions, raw.updates, raw.samples, raw.events

WITH counted AS (
    SELECT run_id, 'runs' AS of_table, count(*) AS stored, count(*) AS seen
    FROM raw.runs GROUP BY run_id
    UNION ALL
    SELECT run_id, 'segments', count(*), count(*) FROM raw.segments GROUP BY run_id
    UNION ALL
    SELECT run_id, 'episodes', count(*), 0 FROM raw.episodes GROUP BY run_id
    UNION ALL
    SELECT run_id, 'episodes', 0, count(*) FROM episodes GROUP BY run_id
    UNION ALL
    SELECT run_id, 'transitions', count(*), 0 FROM raw.transitions GROUP BY run_id
    UNION ALL
    SELECT run_id, 'transitions', 0, count(*) FROM transitions GROUP BY run_id
    UNION ALL
    SELECT run_id, 'updates', count(*), 0 FROM raw.updates GROUP BY run_id
    UNION ALL
    SELECT run_id, 'updates', 0, count(*) FROM updates GROUP BY run_id
    UNION ALL
    SELECT run_id, 'samples', count(*), 0 FROM raw.samples GROUP BY run_id
    UNION ALL
    SELECT run_id, 'samples', 0, count(*) FROM samples GROUP BY run_id
    UNION ALL
    SELECT run_id, 'events', count(*), 0 FROM raw.events GROUP BY run_id
    UNION ALL
    SELECT run_id, 'events', 0, count(*) FROM events GROUP BY run_id
),

widths AS (
    SELECT
        table_name AS of_table,
        sum(CASE
            WHEN data_type IN ('BOOLEAN', 'TINYINT') THEN 1
            WHEN data_type IN ('INTEGER', 'FLOAT') THEN 4
            WHEN data_type IN ('BIGINT', 'UBIGINT', 'DOUBLE', 'TIMESTAMP') THEN 8
            ELSE 0
        END) AS bytes
    FROM duckdb_columns()
    WHERE database_name = current_database() AND schema_name = 'raw'
    GROUP BY table_name
)

SELECT
    run_id,
    of_table,
    sum(stored)::BIGINT AS "rows",
    (sum(stored) - sum(seen))::BIGINT AS obsolete,
    any_value(widths.bytes)::BIGINT AS bytes_a_row,
    (sum(stored) * any_value(widths.bytes))::BIGINT AS bytes,
    sum(stored) * any_value(widths.bytes)
        / nullif(sum(sum(stored) * any_value(widths.bytes)) OVER (PARTITION BY run_id), 0) AS share
FROM counted
JOIN widths USING (of_table)
GROUP BY run_id, of_table
ORDER BY run_id, bytes DESC, of_table

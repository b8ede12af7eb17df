-- name: orphan_rows
-- title: Every row is of a run and of a process that the log has
-- severity: error
-- scope: log
-- reads: raw.runs, raw.segments, raw.episodes, raw.transitions, raw.updates, raw.samples, raw.events
-- grain: run_id, table_name, problem
-- groups: runs
-- diagnosis: {rows} rows of {table_name} {problem}
-- why: a query by run leaves such rows out or counts them for another run, a resume cannot tell
--     which of them it made obsolete, and the checks of the run that they belong to judge it without
--     them, or no longer apply and say nothing.
-- false_alarms: none; exact
-- assumes: every run has a row in raw.runs. A run of which no process stands in raw.segments may
--     have rows that name none; evaluations that were added to a run later have a segment of their
--     own, which is in no table.
-- cites: the schema: run_id names the run in every table.

-- Counted first, so that what is looked up are the few pairs of run and segment, not the rows.
WITH counted AS (
    SELECT
        'runs' AS table_name,
        run_id,
        NULL AS segment_id,
        false AS is_evaluation,
        count(*) AS "rows"
    FROM raw.runs GROUP BY ALL
    UNION ALL
    SELECT 'segments', run_id, segment_id, false, count(*) FROM raw.segments GROUP BY ALL
    UNION ALL
    SELECT 'episodes', run_id, segment_id, coalesce(episode_id < 0, false), count(*)
    FROM raw.episodes GROUP BY ALL
    UNION ALL
    SELECT 'transitions', run_id, segment_id, false, count(*) FROM raw.transitions GROUP BY ALL
    UNION ALL
    SELECT 'updates', run_id, segment_id, false, count(*) FROM raw.updates GROUP BY ALL
    UNION ALL
    SELECT 'samples', run_id, segment_id, false, count(*) FROM raw.samples GROUP BY ALL
    UNION ALL
    SELECT
        'events',
        run_id,
        segment_id,
        CASE
            WHEN kind = 'evaluation'
                THEN coalesce(TRY_CAST(detail ->> '$.first_episode_id' AS BIGINT) < 0, false)
            ELSE false
        END,
        count(*)
    FROM raw.events GROUP BY ALL
),
processes AS (
    SELECT segment_id, min(run_id) AS owner, list(DISTINCT run_id) AS owners
    FROM raw.segments
    GROUP BY segment_id
),
with_processes AS (
    SELECT DISTINCT run_id FROM raw.segments
),
known AS (
    SELECT run_id, any_value(lower(regexp_replace(run_id, '\s', '', 'g'))) AS plain
    FROM raw.runs
    WHERE run_id IS NOT NULL
    GROUP BY run_id
),
alike AS (
    SELECT plain, min(run_id) AS run_id FROM known GROUP BY plain
),
placed AS (
    SELECT
        c.*,
        known.run_id IS NOT NULL AS run_is_known,
        alike.run_id AS like_run,
        p.owner,
        coalesce(list_contains(p.owners, c.run_id), false) AS process_is_known,
        w.run_id IS NOT NULL AS has_processes
    FROM counted AS c
    LEFT JOIN known ON known.run_id = c.run_id
    LEFT JOIN alike ON alike.plain = lower(regexp_replace(c.run_id, '\s', '', 'g'))
    LEFT JOIN processes AS p ON p.segment_id IS NOT DISTINCT FROM c.segment_id
    LEFT JOIN with_processes AS w ON w.run_id = c.run_id
),
wrong AS (
    SELECT
        run_id,
        table_name,
        "rows",
        CASE
            WHEN NOT run_is_known THEN
                CASE
                    WHEN run_id IS NULL THEN 'name no run'
                    ELSE 'name the run ' || run_id || ', which raw.runs does not have'
                END
                || CASE
                    WHEN like_run IS NOT NULL
                        THEN '; it has ''' || like_run || ''', which differs in case or white space'
                    WHEN owner <> run_id OR (owner IS NOT NULL AND run_id IS NULL)
                        THEN '; their process is one of run ' || owner
                    ELSE ''
                END
            WHEN table_name IN ('runs', 'segments') OR is_evaluation OR process_is_known THEN NULL
            WHEN segment_id IS NULL
                THEN if(has_processes, 'of run ' || run_id || ' name no process', NULL)
            WHEN owner IS NOT NULL
                THEN 'of run ' || run_id || ' name the process ' || segment_id
                    || ', which is one of run ' || owner
            ELSE 'of run ' || run_id || ' name the process ' || segment_id
                || ', which raw.segments does not have'
        END AS problem
    FROM placed
    UNION ALL
    -- Said of the run that lacks them as well.
    SELECT
        owner,
        table_name,
        "rows",
        'name the process ' || segment_id || ' of run ' || owner || ', and the run ' || run_id
    FROM placed
    WHERE run_is_known AND NOT process_is_known AND NOT is_evaluation
        AND table_name NOT IN ('runs', 'segments')
        AND segment_id IS NOT NULL AND owner IS NOT NULL
)
SELECT run_id, table_name, problem, sum("rows")::BIGINT AS "rows"
FROM wrong
WHERE problem IS NOT NULL
GROUP BY run_id, table_name, problem

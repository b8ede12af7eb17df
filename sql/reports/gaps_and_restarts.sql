-- name: gaps_and_restarts
-- title: The processes that worked on each run, what they did again and what was lost between them
-- question: was the run interrupted, and is anything missing because of it?
-- reading: redone are the agent steps after the checkpoint that a resumed process went back to; the views
--     leave their first attempt out. dropped are rows that the recorder could not store: figures over
--     them are incomplete. A state of running with an old sign of life is a process that was killed.
-- empty: the log names no process
-- reads: segments

WITH processes AS (
    SELECT DISTINCT ON (run_id, segment_id)
        *,
        coalesce(ended_at, heartbeat_at) AS last_seen
    FROM segments
),

chained AS (
    SELECT
        *,
        epoch(started_at - lag(last_seen) OVER process) AS pause_before,
        lag(end_step) OVER process - resume_step AS redone
    FROM processes
    WINDOW process AS (PARTITION BY run_id ORDER BY ordinal, started_at)
)

SELECT
    run_id,
    ordinal,
    state,
    host,
    started_at,
    pause_before,
    start_step,
    end_step,
    redone,
    list_sum(map_values(rows_dropped))::BIGINT AS dropped
FROM chained
ORDER BY run_id, ordinal, started_at

-- name: time_spent
-- title: Where the wall time of a run went, process by process
-- question: what took the time?
-- reading: before_learning is up to the first update, learning from there to the last one, after_it what
--     came behind: closing, a last checkpoint or evaluation. Of learning, evaluating and
--     checkpoints are the parts that events give; NULL where the log has no such event or no times.
--     pause_before is the time in which no process worked on the run.
-- reads: segments
-- also_reads: updates, events
-- requires: segments.started_at

WITH processes AS (
    SELECT DISTINCT ON (run_id, segment_id)
        run_id,
        segment_id,
        ordinal,
        started_at,
        coalesce(ended_at, heartbeat_at) AS ended_at,
        epoch(started_at - lag(coalesce(ended_at, heartbeat_at)) OVER (
            PARTITION BY run_id ORDER BY ordinal, started_at
        )) AS pause_before
    FROM segments
),

timed AS (
    SELECT run_id, segment_id, env_step, elapsed_seconds::DOUBLE AS elapsed_seconds
    FROM updates
    WHERE isfinite(elapsed_seconds)
),

learned AS (
    SELECT
        run_id,
        segment_id,
        min(elapsed_seconds) AS first_update,
        max(elapsed_seconds) AS last_update
    FROM timed
    GROUP BY run_id, segment_id
),

-- From the last update before an evaluation to the first one after it.
evaluated AS (
    SELECT v.run_id, v.segment_id, sum(later.elapsed_seconds - earlier.elapsed_seconds) AS seconds
    FROM (SELECT DISTINCT run_id, segment_id, env_step FROM events WHERE kind = 'evaluation') AS v
    ASOF JOIN timed AS earlier
        ON earlier.run_id = v.run_id
        AND earlier.segment_id = v.segment_id
        AND earlier.env_step <= v.env_step
    ASOF JOIN timed AS later
        ON later.run_id = v.run_id
        AND later.segment_id = v.segment_id
        AND later.env_step > v.env_step
    GROUP BY v.run_id, v.segment_id
),

saved AS (
    SELECT
        run_id,
        segment_id,
        sum(TRY_CAST(detail ->> '$.seconds' AS DOUBLE)) AS seconds
    FROM events
    WHERE kind = 'checkpoint'
    GROUP BY run_id, segment_id
)

SELECT
    run_id,
    p.ordinal,
    p.pause_before,
    epoch(p.ended_at - p.started_at) AS seconds,
    learned.first_update AS before_learning,
    learned.last_update - learned.first_update AS learning,
    epoch(p.ended_at - p.started_at) - learned.last_update AS after_it,
    evaluated.seconds AS evaluating,
    saved.seconds AS checkpoints
FROM processes AS p
LEFT JOIN learned USING (run_id, segment_id)
LEFT JOIN evaluated USING (run_id, segment_id)
LEFT JOIN saved USING (run_id, segment_id)
ORDER BY run_id, p.ordinal, p.started_at

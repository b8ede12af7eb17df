-- name: throughput
-- title: Agent steps and updates a second, as training went on, for each process of a run
-- question: how fast did it run, and when did it become slow?
-- reading: a rate that falls as the buffer fills points to the replay; a step down that stays, to other work
--     on the machine. Time in which no update was done, such as the steps before learning starts, is
--     not in here: see time_spent. ordinal counts the processes that worked on the run.
-- reads: updates
-- also_reads: segments
-- needs: update_spans
-- requires: updates.elapsed_seconds

WITH timed AS (
    SELECT
        u.run_id,
        u.span,
        u.segment_id,
        s.ordinal,
        u.env_step,
        u.update_id,
        u.elapsed_seconds::DOUBLE AS seconds,
        u.buffer_size,
        lag(u.elapsed_seconds::DOUBLE) OVER process AS seconds_before,
        lag(u.env_step) OVER process AS step_before
    FROM shared.update_spans AS u
    LEFT JOIN (SELECT DISTINCT ON (segment_id) segment_id, ordinal FROM segments) AS s
        USING (segment_id)
    WHERE isfinite(u.elapsed_seconds)
    WINDOW process AS (PARTITION BY u.run_id, u.segment_id ORDER BY u.update_id)
)

SELECT
    run_id,
    ordinal,
    max(env_step) AS to_step,
    sum(seconds - seconds_before) AS seconds,
    sum(env_step - step_before) / nullif(sum(seconds - seconds_before), 0) AS steps_a_second,
    count(seconds_before) / nullif(sum(seconds - seconds_before), 0) AS updates_a_second,
    max(seconds - seconds_before) AS longest_pause,
    max(buffer_size) AS buffer_size
FROM timed
GROUP BY run_id, segment_id, ordinal, span
HAVING count(seconds_before) > 0
ORDER BY run_id, ordinal, to_step

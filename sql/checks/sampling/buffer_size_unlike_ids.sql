-- name: buffer_size_unlike_ids
-- title: Size of the buffer against the transitions stored so far
-- severity: error
-- reads: updates, transitions
-- also_reads: segments
-- grain: run_id, update_id
-- groups: updates = updates
-- requires: updates.buffer_size, updates.capacity, updates.last_transition_id
-- diagnosis: at update {update_id} of run {run_id} the buffer is said to hold {buffer_size}
--     transitions, but of {stored} stored in a capacity of {capacity} it holds {expected} ({found}
--     such updates)
-- why: the size is the N of the importance weights and the bound of uniform draws. One that is too
--     small hides transitions for ever, one that is too large draws slots that are empty.
-- assumes: transition ids count up by one from 0 or 1, and the log has the first of them; others
--     are not judged. A process that resumed a run with an empty buffer counts from its first
--     transition.
-- cites: huggingface/lerobot#918 (a slot past the size is sampled), Kaixhin/Rainbow 4e2b1ea (N is
--     the capacity before the buffer is full).

WITH firsts AS (
    SELECT run_id, min(transition_id) AS first_id
    FROM transitions
    GROUP BY run_id
    HAVING min(transition_id) <= 1
),
resumed AS (
    SELECT run_id, segment_id, any_value(resume_transition_id) AS resume_id
    FROM segments
    WHERE resumed_from IS NOT NULL
    GROUP BY ALL
),
sized AS (
    SELECT
        u.run_id,
        u.update_id,
        u.buffer_size,
        u.capacity,
        u.last_transition_id,
        CASE
            WHEN min(u.buffer_size) OVER (PARTITION BY u.run_id, u.segment_id)
                <= min(u.last_transition_id) OVER (PARTITION BY u.run_id, u.segment_id)
                    - r.resume_id
            THEN r.resume_id + 1
            ELSE f.first_id
        END AS first_id
    FROM updates AS u
    JOIN firsts AS f USING (run_id)
    LEFT JOIN resumed AS r
        ON r.run_id = u.run_id AND r.segment_id IS NOT DISTINCT FROM u.segment_id
)
SELECT
    run_id,
    update_id,
    any_value(buffer_size) AS buffer_size,
    any_value(capacity) AS capacity,
    any_value(last_transition_id - first_id + 1) AS stored,
    any_value(least(last_transition_id - first_id + 1, capacity)) AS expected
FROM sized
WHERE buffer_size <> least(last_transition_id - first_id + 1, capacity)
GROUP BY run_id, update_id

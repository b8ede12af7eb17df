-- name: run_died_when_full
-- title: A run that failed as its buffer became full
-- severity: error
-- reads: segments, updates, runs
-- also_reads: transitions
-- grain: run_id
-- groups: runs
-- needs: run_settings
-- requires: updates.last_transition_id, updates.capacity, segments.state
-- diagnosis: run {run_id} failed at agent step {end_step} with {stored} transitions stored in a
--     capacity of {capacity}: as the buffer became full
-- why: the write head or the draws leave the ring at its end. Short tests pass, and long runs die
--     hours in, when the buffer is full for the first time.
-- threshold: within one round of steps of the capacity, num_envs (n_step + 1) transitions, because
--     what the failing round stored is not logged.
-- assumes: transition ids count up by one. A run that fails there for another reason is found too.
-- cites: ray-project/ray#7180 (an index error when the buffer is exactly full).

WITH ended AS (
    SELECT
        run_id,
        arg_max(state, coalesce(ordinal, 0)) AS state,
        arg_max(end_step, coalesce(ordinal, 0)) AS end_step
    FROM segments
    GROUP BY run_id
),
updated AS (
    SELECT
        run_id,
        max(last_transition_id) AS last_id,
        arg_max(buffer_size, update_id) AS buffer_size,
        arg_max(capacity, update_id) AS capacity
    FROM updates
    GROUP BY run_id
),
stored AS (
    SELECT
        run_id,
        max(transition_id) AS last_id,
        min(transition_id) AS first_id
    FROM transitions
    GROUP BY run_id
),
counted AS (
    SELECT
        u.run_id,
        e.end_step,
        u.capacity,
        greatest(
            coalesce(s.last_id - s.first_id + 1, 0),
            u.last_id - coalesce(s.first_id, 0) + 1
        ) AS stored,
        coalesce((settings.config ->> '$.num_envs')::BIGINT, 1)
            * (coalesce((settings.config ->> '$.n_step')::BIGINT, 1) + 1) AS round
    FROM updated AS u
    JOIN ended AS e ON e.run_id = u.run_id AND e.state = 'failed'
    LEFT JOIN stored AS s ON s.run_id = u.run_id
    LEFT JOIN shared.run_settings AS settings ON settings.run_id = u.run_id
)
SELECT run_id, end_step, stored, capacity
FROM counted
WHERE abs(stored - capacity) <= round

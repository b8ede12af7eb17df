-- name: insert_priority_outside_alive
-- title: Insert priorities against the largest priority alive
-- severity: error
-- reads: transitions, updates, samples
-- grain: run_id, transition_id
-- groups: transitions = transitions
-- needs: histories, sampled_batches
-- requires: config.insert_priority = live-max, transitions.priority, updates.last_transition_id,
--     updates.capacity, samples.priority_new
-- diagnosis: transition {transition_id} entered with priority {priority}, outside of {lowest} to
--     {highest}: {cause} ({found} transitions)
-- why: a new transition enters at the top so that it is seen soon, whatever its error. Below the
--     top it may wait for long or be overwritten unseen; far above it, the weights of first draws
--     vanish.
-- assumes: a transition is stored after the write-backs of all updates that could not draw it yet.
--     The largest leaf alive is not recomputed but bounded: it is no less than any leaf that the
--     last update wrote and that is still stored, and than what entered since; no more than 1 or
--     any priority ever written.
-- threshold: 4 * 2^-24 of the bounds: float32 renderings of one leaf.
-- cites: ray-project/ray#11750 and #2929 (enter at 1 or at their own error), pytorch/rl#2210 and
--     #2215 (initial maximum far above real errors)

WITH live_max_runs AS (
    SELECT run_id FROM runs WHERE config ->> '$.insert_priority' = 'live-max'
),
-- Of several copies in one batch the last one's write is the leaf.
leaves AS (
    SELECT
        h.history,
        s.update_id,
        s.transition_id,
        arg_max(s.priority_new, s.batch_index) AS leaf
    FROM samples AS s
    SEMI JOIN live_max_runs USING (run_id)
    JOIN shared.histories AS h
        ON h.run_id = s.run_id AND h.segment_id IS NOT DISTINCT FROM s.segment_id
    GROUP BY ALL
),
last_of_step AS (
    SELECT
        history,
        last_transition_id,
        max(update_id) AS update_id,
        max(largest_new) FILTER (isfinite(largest_new)) AS largest_new,
        bool_and(complete) AS complete,
        any_value(capacity) AS capacity
    FROM shared.sampled_batches
    SEMI JOIN live_max_runs USING (run_id)
    WHERE last_transition_id IS NOT NULL
    GROUP BY history, last_transition_id
    UNION ALL
    -- What entered before the first update; known only if that one is the run's first.
    SELECT history, -1, NULL, NULL, arg_min(complete, update_id), any_value(capacity)
    FROM shared.sampled_batches
    SEMI JOIN live_max_runs USING (run_id)
    GROUP BY history
),
so_far AS MATERIALIZED (
    SELECT
        *,
        max(largest_new) OVER (PARTITION BY history ORDER BY last_transition_id) AS largest
    FROM last_of_step
),
entered AS (
    SELECT
        t.run_id,
        t.segment_id,
        h.history,
        t.transition_id,
        t.priority,
        lag(t.priority) OVER (PARTITION BY h.history ORDER BY t.transition_id) AS priority_before
    FROM transitions AS t
    SEMI JOIN live_max_runs USING (run_id)
    JOIN shared.histories AS h
        ON h.run_id = t.run_id AND h.segment_id IS NOT DISTINCT FROM t.segment_id
    WHERE t.priority IS NOT NULL
),
located AS (
    SELECT
        e.*,
        s.update_id,
        s.capacity,
        s.last_transition_id,
        greatest(1, coalesce(s.largest, 1)) AS highest,
        e.transition_id > s.last_transition_id + 1 AS follows_an_insertion
    FROM entered AS e
    ASOF JOIN so_far AS s
        ON s.history = e.history AND s.last_transition_id < e.transition_id
    WHERE s.complete
),
bounded AS (
    SELECT
        l.*,
        greatest(
            (
                SELECT max(leaf)
                FROM leaves
                WHERE leaves.history = l.history
                    AND leaves.update_id = l.update_id
                    AND leaves.transition_id > l.transition_id - l.capacity
                    AND isfinite(leaf)
            ),
            if(follows_an_insertion, priority_before, NULL),
            0
        ) AS lowest
    FROM located AS l
)
SELECT
    run_id,
    segment_id,
    transition_id,
    priority,
    lowest,
    highest,
    CASE
        WHEN isnan(priority) THEN 'it is not a number'
        WHEN priority > highest
            THEN 'no priority that large was ever written, so the initial maximum is far above '
                || 'real errors and the weight of its first draw next to nothing'
        WHEN priority = 1 THEN 'new transitions enter at 1 and not at the largest leaf alive'
        ELSE 'a larger leaf was written just before and is still stored'
    END AS cause
FROM bounded
WHERE (priority BETWEEN lowest * (1 - 4 * pow(2, -24)) AND highest * (1 + 4 * pow(2, -24)))
    IS NOT TRUE

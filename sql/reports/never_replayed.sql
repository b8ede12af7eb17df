-- name: never_replayed
-- title: Which share of the transitions was overwritten without ever being replayed
-- question: how much of what the agent went through did it never learn from?
-- reading: a share e^-r is what uniform replay leaves at r replays a transition: 0.0003 at 8, 0.37 at 1.
--     Much more says that the sampler dwells on few transitions, or that the buffer is too small for the
--     replay ratio. waiting counts the transitions in the buffer that were not replayed yet.
-- empty: no transition is stored
-- reads: transitions
-- also_reads: updates, samples

-- Tenths of the transitions of a run in the order in which they were stored. Overwritten is what the
-- last update could not draw any more; NULL where the log does not say what an update could draw.

WITH stored AS (
    SELECT DISTINCT run_id, transition_id
    FROM transitions
    WHERE transition_id IS NOT NULL
),

drawn AS (
    SELECT run_id, transition_id, count(*) AS draws
    FROM samples
    GROUP BY run_id, transition_id
),

oldest AS (
    SELECT run_id, max(last_transition_id - buffer_size + 1) AS oldest_id
    FROM updates
    GROUP BY run_id
),

placed AS (
    SELECT
        stored.*,
        coalesce(drawn.draws, 0) AS draws,
        stored.transition_id < oldest.oldest_id AS is_overwritten,
        ntile(10) OVER (PARTITION BY stored.run_id ORDER BY stored.transition_id) AS tenth
    FROM stored
    LEFT JOIN drawn USING (run_id, transition_id)
    LEFT JOIN oldest USING (run_id)
)

SELECT
    run_id,
    min(transition_id) AS from_transition,
    max(transition_id) AS to_transition,
    avg(draws) AS mean_replays,
    sum(is_overwritten::INTEGER)::BIGINT AS overwritten,
    sum((is_overwritten AND draws = 0)::INTEGER)::BIGINT AS never_replayed,
    sum((is_overwritten AND draws = 0)::INTEGER) / nullif(sum(is_overwritten::INTEGER), 0) AS share,
    sum((NOT is_overwritten AND draws = 0)::INTEGER)::BIGINT AS waiting
FROM placed
GROUP BY run_id, tenth
ORDER BY run_id, tenth

-- name: priority_gaps
-- title: Draws that show another priority than the last write to their transition left
-- reads: samples, updates, transitions
-- needs: histories

-- One window over the draws of each transition, its insertion before them as if it were a write.
-- Copies in one batch are drawn before any of them is written: they show what the first of them
-- shows, and the last one's write counts. Two float32 renderings of one leaf differ by less than
-- 4 * 2^-24 of it.
--
-- item numbers a transition within all histories and position a draw within its history, in batches
-- of 2^20; the insertion stands in update -1. One lag of a struct over integers: 3.9 s of CPU time
-- on 13M draws, where three lags partitioned by run and transition take twice that.
WITH states AS NOT MATERIALIZED (
    SELECT
        h.history * 1_099_511_627_776 + s.transition_id AS item,
        {
            'position': s.update_id * 1_048_576 + s.batch_index,
            'held': s.priority,
            'written': s.priority_new
        } AS draw
    FROM samples AS s
    JOIN shared.histories AS h
        ON h.run_id = s.run_id AND h.segment_id IS NOT DISTINCT FROM s.segment_id
    WHERE s.transition_id IS NOT NULL
        AND s.update_id IS NOT NULL
        AND s.batch_index IS NOT NULL
        AND s.priority IS NOT NULL
    UNION ALL
    SELECT
        h.history * 1_099_511_627_776 + t.transition_id,
        {'position': -1_048_576, 'held': NULL, 'written': t.priority}
    FROM transitions AS t
    JOIN shared.histories AS h
        ON h.run_id = t.run_id AND h.segment_id IS NOT DISTINCT FROM t.segment_id
    WHERE t.transition_id IS NOT NULL
),
followed AS (
    SELECT
        item,
        draw,
        lag(draw) OVER (PARTITION BY item ORDER BY draw.position) AS previous
    FROM states
),
judged AS (
    SELECT
        item // 1_099_511_627_776 AS history,
        item % 1_099_511_627_776 AS transition_id,
        draw.position // 1_048_576 AS update_id,
        draw.position % 1_048_576 AS batch_index,
        CASE WHEN previous.position >= 0 THEN previous.position // 1_048_576 END AS last_update_id,
        draw.held AS priority,
        previous.held AS priority_before,
        CASE
            WHEN previous.position // 1_048_576 = draw.position // 1_048_576 THEN previous.held
            ELSE previous.written
        END AS expected
    FROM followed
    WHERE previous IS NOT NULL AND draw.position >= 0
)
SELECT runs.run_id, judged.*
FROM judged
JOIN (SELECT DISTINCT history, run_id FROM shared.histories) AS runs USING (history)
WHERE expected IS NOT NULL
    AND (abs(priority - expected) <= 4 * pow(2, -24) * abs(expected) OR priority = expected)
        IS NOT TRUE

-- name: priority_staleness
-- title: How many updates lay between writing a priority and drawing by it, and how far off it was
-- question: by how old a priority is a transition drawn?
-- reading: a priority is true when it is written and ages while the net learns. A ratio (new over held,
--     the median of the draws) that moves away from 1 with the wait says how fast. Waits from the
--     insertion count from the first update that could draw the transition; a new transition has a
--     default and no error of its own, so its ratio says how far too high that is.
-- reads: samples, updates
-- needs: update_spans
-- requires: samples.priority, samples.transition_id

-- Waits are in updates, in buckets of powers of two. Of several copies in one batch the first counts.

WITH drawn AS (
    SELECT
        run_id,
        transition_id,
        update_id,
        priority_new / nullif(priority::DOUBLE, 0) AS ratio,
        lag(update_id) OVER (
            PARTITION BY run_id, transition_id ORDER BY update_id, batch_index
        ) AS written_by
    FROM samples
    WHERE transition_id IS NOT NULL AND update_id IS NOT NULL
),

newest AS (
    SELECT run_id, last_id, min(update_id) AS update_id
    FROM shared.update_spans
    WHERE last_id IS NOT NULL
    GROUP BY run_id, last_id
),

waits AS (
    SELECT run_id, 'write-back' AS since, update_id - written_by AS wait, ratio
    FROM drawn
    WHERE written_by < update_id
    UNION ALL
    SELECT drawn.run_id, 'insertion', drawn.update_id - newest.update_id, drawn.ratio
    FROM (FROM drawn WHERE written_by IS NULL) AS drawn
    ASOF JOIN newest ON newest.run_id = drawn.run_id AND newest.last_id >= drawn.transition_id
    WHERE newest.update_id <= drawn.update_id
),

bucketed AS (
    SELECT *, if(wait > 0, floor(log2(wait))::INTEGER, -1) AS bucket
    FROM waits
)

SELECT
    run_id,
    since,
    if(bucket < 0, 0, pow(2, bucket))::BIGINT AS from_wait,
    if(bucket < 0, 0, pow(2, bucket + 1) - 1)::BIGINT AS to_wait,
    count(*) AS draws,
    count(*) / sum(count(*)) OVER (PARTITION BY run_id) AS share,
    quantile_cont(ratio, 0.5) FILTER (isfinite(ratio)) AS ratio
FROM bucketed
GROUP BY run_id, since, bucket
ORDER BY run_id, since, bucket

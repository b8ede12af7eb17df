-- name: update_clock
-- title: How many draws a unit of priority has had up to each prioritized update
-- reads: updates

-- An update of k draws with the priority total M draws a transition of priority m on average k m /
-- M times. Over a stretch in which m stays as it is, that adds up to m times the difference of the
-- clock, the running sum of k / M: clock_before includes the updates before this one, clock this
-- one as well.
--
-- A transition can be drawn by the updates whose oldest_id to last_id it lies in. Several updates
-- may share an env_step, so it is these ids that say what an update could draw. span is the largest
-- size that the buffer had, block an eighth of it, and eighth counts blocks by the newest
-- transition.
WITH logged AS (
    SELECT
        run_id,
        update_id,
        any_value(segment_id) AS segment_id,
        any_value(last_transition_id) AS last_id,
        any_value(last_transition_id - buffer_size + 1) AS oldest_id,
        any_value(buffer_size) AS buffer_size,
        any_value(batch_size) AS batch_size,
        any_value(priority_total) AS priority_total
    FROM updates
    WHERE priority_total > 0 AND isfinite(priority_total)
    GROUP BY ALL
),
measured AS (
    SELECT
        *,
        batch_size / priority_total AS step,
        min(oldest_id) OVER run AS first_id,
        max(buffer_size) OVER run AS span,
        greatest(1, ceil(max(buffer_size) OVER run / 8))::BIGINT AS block
    FROM logged
    WINDOW run AS (PARTITION BY run_id)
),
summed AS (
    SELECT *, sum(step) OVER so_far AS clock
    FROM measured
    WINDOW so_far AS (PARTITION BY run_id ORDER BY update_id ROWS UNBOUNDED PRECEDING)
)
SELECT
    run_id,
    update_id,
    segment_id,
    last_id,
    oldest_id,
    buffer_size,
    batch_size,
    priority_total,
    clock - step AS clock_before,
    clock,
    first_id,
    span,
    block,
    (last_id - first_id) // block AS eighth
FROM summed

-- name: redraws
-- title: Draws within 200 updates of a write-back, for runs without a transitions table
-- reads: samples, updates
-- needs: update_clock, draws

-- Each write-back is followed to the transition's next replay or for 200 updates, whichever comes
-- first. Only transitions that are still in the buffer 200 updates later are followed: whether they
-- are is known beforehand from their ids. Of several copies in one batch the last write-back
-- counts.
WITH bare AS (
    SELECT run_id FROM (SELECT DISTINCT run_id FROM updates)
    ANTI JOIN transitions USING (run_id)
),
clock AS (
    SELECT
        run_id,
        update_id,
        clock,
        batch_size,
        lead(clock, 200) OVER run AS clock_later,
        lead(oldest_id, 200) OVER run AS oldest_later
    FROM shared.update_clock
    SEMI JOIN bare USING (run_id)
    WINDOW run AS (PARTITION BY run_id ORDER BY update_id)
),
draws AS (
    SELECT
        s.run_id,
        s.transition_id,
        c.clock,
        c.clock_later,
        c.oldest_later,
        s.priority_new::DOUBLE AS priority,
        s.copies AS draws
    FROM shared.draws AS s
    JOIN clock AS c USING (run_id, update_id)
    WHERE s.is_last
),
followed AS (
    SELECT
        *,
        lead(clock) OVER item AS clock_next,
        lead(draws) OVER item AS draws_next
    FROM draws
    WINDOW item AS (PARTITION BY run_id, transition_id ORDER BY clock)
),
grouped AS (
    SELECT
        run_id,
        try_cast(floor(2 * log2(priority)) AS INTEGER) AS bucket,
        coalesce(sum(draws_next) FILTER (clock_next <= clock_later), 0)::DOUBLE AS observed,
        greatest(
            sum(priority * (least(coalesce(clock_next, clock_later), clock_later) - clock)),
            1e-6
        ) AS expected
    FROM followed
    WHERE transition_id >= oldest_later AND priority > 0 AND isfinite(priority)
    GROUP BY ALL
)
SELECT g.*, t.draws
FROM grouped AS g
JOIN (SELECT run_id, sum(batch_size)::DOUBLE AS draws FROM clock GROUP BY run_id) AS t
    USING (run_id)

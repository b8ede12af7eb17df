-- name: expected_draws
-- title: Draws by priority, age, slot and time to the first replay, against what priorities predict
-- reads: samples, transitions, updates
-- needs: update_clock, transition_lives, draw_groups, sampler_gate

-- Given everything before an update, each of its draws falls on a transition with probability
-- priority / total. Draws less their expectation are a martingale, however much priorities adapt,
-- as long as a group is told by what was known before the draw. So for any such group P(as far off)
-- <= 2 exp(-exponent), exponent = O ln(O / E) + (n - O) ln((n - O) / (n - E)), for stratified draws
-- as for independent ones and however small E is.
--
-- Expectations are sums by parts, see transition_lives. By priority, each side of a write-back goes
-- to the bucket of its own priority. By age, each cell of an eighth of the run and a cohort begins
-- with the mass that the cohort had and ends with what it has, times the clock there.
WITH by_priority AS (
    SELECT run_id, bucket, sum(observed)::DOUBLE AS observed, sum(expected) AS expected
    FROM (
        SELECT run_id, old_bucket AS bucket, draws AS observed, coalesce(held, 0) AS expected
        FROM shared.draw_groups
        WHERE by_priority
        UNION ALL
        SELECT run_id, new_bucket, 0, -written
        FROM shared.draw_groups
        WHERE by_priority AND written IS NOT NULL
        UNION ALL
        SELECT
            run_id,
            CASE
                WHEN last_priority > 0
                THEN try_cast(floor(2 * log2(last_priority::FLOAT)) AS INTEGER)
            END,
            0,
            last_priority * clock_out
        FROM shared.transition_lives
        UNION ALL
        SELECT
            run_id,
            CASE
                WHEN first_priority > 0
                THEN try_cast(floor(2 * log2(first_priority::FLOAT)) AS INTEGER)
            END,
            0,
            -first_priority * clock_in
        FROM shared.transition_lives
    )
    GROUP BY run_id, bucket
),
eighths AS (
    SELECT
        run_id,
        eighth,
        min(clock_before) AS clock_start,
        max(clock) AS clock_end
    FROM shared.update_clock
    GROUP BY run_id, eighth
),
cells AS (
    SELECT
        run_id,
        eighth,
        cohort,
        sum(observed)::DOUBLE AS observed,
        sum(change) AS change,
        sum(moment) AS moment
    FROM (
        SELECT
            run_id,
            eighth,
            cohort,
            draws AS observed,
            coalesce(gain, 0) AS change,
            coalesce(held, 0) - coalesce(written, 0) AS moment
        FROM shared.draw_groups
        WHERE NOT by_priority
        UNION ALL
        SELECT run_id, first_eighth, cohort, 0, first_priority, -first_priority * clock_in
        FROM shared.transition_lives
        UNION ALL
        SELECT run_id, last_eighth, cohort, 0, -last_priority, last_priority * clock_out
        FROM shared.transition_lives
        UNION ALL
        -- Cells in which nothing was written hold mass all the same.
        SELECT e.run_id, e.eighth, c.eighth, 0, 0, 0
        FROM eighths AS e
        JOIN eighths AS c ON c.run_id = e.run_id AND e.eighth - c.eighth BETWEEN 0 AND 9
    )
    GROUP BY run_id, eighth, cohort
),
masses AS (
    SELECT *, sum(change) OVER so_far AS mass_end
    FROM cells
    WINDOW so_far AS (
        PARTITION BY run_id, cohort ORDER BY eighth ROWS UNBOUNDED PRECEDING
    )
),
by_age AS (
    SELECT
        run_id,
        eighth - cohort AS age,
        sum(observed) AS observed,
        sum(moment + mass_end * clock_end - (mass_end - change) * clock_start) AS expected
    FROM masses
    JOIN eighths USING (run_id, eighth)
    GROUP BY ALL
),
spans AS (
    SELECT run_id, any_value(span) AS span
    FROM shared.update_clock
    GROUP BY run_id
),
by_slot AS (
    SELECT
        run_id,
        least(slot::BIGINT * 8 // span, 7) AS octile,
        sum(draws)::DOUBLE AS observed,
        sum(expected) AS expected
    FROM shared.transition_lives
    JOIN spans USING (run_id)
    WHERE slot IS NOT NULL
    GROUP BY ALL
),
by_edge AS (
    SELECT run_id, slot, sum(draws)::DOUBLE AS observed, sum(expected) AS expected
    FROM shared.transition_lives
    JOIN spans USING (run_id)
    WHERE slot = 0 OR slot = span - 1
    GROUP BY ALL
),
newest AS (
    SELECT
        run_id,
        sum(CASE WHEN replay_clock = clock_first THEN replay_draws ELSE 0 END)::DOUBLE AS observed,
        sum(first_priority * (clock_first - clock_in)) AS expected
    FROM shared.transition_lives
    WHERE is_newest
    GROUP BY run_id
),
waits AS (
    SELECT
        run_id,
        first_priority * (coalesce(replay_clock, clock_out) - clock_in) AS until,
        first_priority * (coalesce(replay_clock_before, clock_out) - clock_in) AS since,
        replay_draws
    FROM shared.transition_lives
    WHERE first_priority > 0
),
bins AS (
    SELECT bin, edges[bin] AS low, edges[bin + 1] AS high
    FROM (SELECT [0, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 'inf'::DOUBLE] AS edges)
    CROSS JOIN (SELECT unnest(range(1, 10)) AS bin)
),
-- A draw whose update spans two bins is split between them as the waiting time of the update is.
by_wait AS (
    SELECT
        run_id,
        bin,
        sum(CASE
            WHEN replay_draws > 0
            THEN replay_draws * greatest(0, least(until, high) - greatest(since, low))
                / (until - since)
            ELSE 0
        END)::DOUBLE AS observed,
        sum(greatest(0, least(until, high) - low)) AS expected
    FROM waits
    CROSS JOIN bins
    GROUP BY run_id, bin
),
all_groups AS (
    SELECT run_id, 'priority' AS kind, bucket AS member, observed, expected FROM by_priority
    UNION ALL SELECT run_id, 'age', age, observed, expected FROM by_age
    UNION ALL SELECT run_id, 'slot', octile, observed, expected FROM by_slot
    UNION ALL SELECT run_id, 'edge', slot, observed, expected FROM by_edge
    UNION ALL SELECT run_id, 'newest', NULL, observed, expected FROM newest
    UNION ALL SELECT run_id, 'wait', bin, observed, expected FROM by_wait
),
-- Rounding leaves about 1e-9 of a draw in a group in which no priority ever was.
tested AS (
    SELECT
        g.run_id,
        g.kind,
        g.member,
        g.observed,
        greatest(g.expected, 1e-6) AS expected,
        gate.draws::DOUBLE AS total,
        count(*) OVER (PARTITION BY g.run_id, g.kind) AS groups
    FROM all_groups AS g
    JOIN shared.sampler_gate AS gate ON gate.run_id = g.run_id AND gate.holds
    WHERE g.observed > 0 OR g.expected > 1e-6
)
SELECT
    *,
    CASE WHEN observed > 0 THEN observed * ln(observed / expected) ELSE 0 END
        + CASE
            WHEN total > observed AND total > expected
            THEN (total - observed) * ln((total - observed) / (total - expected))
            ELSE 0
        END AS exponent
FROM tested

-- name: priority_heat_map
-- title: With which priorities transitions were drawn as training went on, counted in cells
-- question: which priorities are replayed, and does that change as the agent learns?
-- reads: samples, updates
-- requires: samples.priority, updates.env_step
-- params: columns BIGINT = 48 from 1 to 1000000, levels BIGINT = 24 from 1 to 1000000
-- reading: one level that never moves says that priorities are not written back; mass that stays at
--     the top says that new transitions enter far above what their TD errors turn out to be.

-- A run has `columns` spans of agent steps of equal length, and between its least and greatest
-- priority `levels` levels of equal ratio. A cell without draws has no row. Draws whose priority is no
-- finite number above 0 have no level; they stand in rows whose priorities are NULL.

WITH clocked AS (
    -- An update that is logged twice is one update here.
    SELECT run_id, update_id, min(env_step) AS env_step
    FROM updates
    WHERE env_step IS NOT NULL
    GROUP BY run_id, update_id
),

spans AS (
    SELECT run_id, min(env_step) AS first_step, max(env_step) + 1 - min(env_step) AS steps
    FROM clocked
    GROUP BY run_id
),

timed AS (
    SELECT
        clocked.run_id,
        clocked.update_id,
        (clocked.env_step - spans.first_step) * getvariable('columns') // spans.steps AS time_bin
    FROM clocked
    JOIN spans USING (run_id)
),

ranges AS (
    SELECT
        run_id,
        ln(min(priority)::DOUBLE) AS lowest,
        -- Where all priorities are equal, one level holds them.
        greatest(ln(max(priority)::DOUBLE) - ln(min(priority)::DOUBLE), 1e-3) AS height
    FROM samples
    WHERE priority > 0 AND isfinite(priority)
    GROUP BY run_id
),

drawn AS (
    SELECT
        timed.run_id,
        timed.time_bin,
        CASE
            WHEN samples.priority > 0 AND isfinite(samples.priority)
                THEN least(
                    floor(
                        (ln(samples.priority::DOUBLE) - ranges.lowest)
                        / ranges.height
                        * getvariable('levels')
                    ),
                    getvariable('levels') - 1
                )
        END AS level
    FROM samples
    JOIN timed USING (run_id, update_id)
    JOIN ranges USING (run_id)
),

cells AS (
    SELECT run_id, time_bin, level, count(*) AS draws
    FROM drawn
    GROUP BY run_id, time_bin, level
)

SELECT
    cells.run_id,
    spans.first_step + ceil(cells.time_bin * spans.steps / getvariable('columns'))::BIGINT
        AS from_step,
    spans.first_step + ceil((cells.time_bin + 1) * spans.steps / getvariable('columns'))::BIGINT - 1
        AS to_step,
    exp(ranges.lowest + cells.level * ranges.height / getvariable('levels')) AS priority_from,
    exp(ranges.lowest + (cells.level + 1) * ranges.height / getvariable('levels')) AS priority_to,
    cells.draws,
    cells.draws / sum(cells.draws) OVER (PARTITION BY cells.run_id, cells.time_bin)
        AS share_of_span
FROM cells
JOIN spans USING (run_id)
JOIN ranges USING (run_id)
ORDER BY cells.run_id, from_step, priority_from

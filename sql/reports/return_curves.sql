-- name: return_curves
-- title: What each run returned as its training went on, at no more points than a plot can show
-- question: what does the learning curve look like?
-- empty: no finished episode of that phase has a return, or there are fewer of them than `block`
-- reads: episodes
-- also_reads: segments
-- params: phase VARCHAR = 'train', last_episodes BIGINT = 100 from 1, block BIGINT = 100 from 1,
--     lives BOOLEAN = false, clipped BOOLEAN = false, most_points BIGINT = 500 from 1

-- A point of phase train is the mean of the newest `last_episodes` episodes, the one that ended there being
-- the last of them; there are points where `block`, 2 block, 3 block ... episodes are done. A point
-- of phase eval is the mean of one evaluation. With more points than `most_points` every second,
-- tenth, twentieth, hundredth ... is kept, so that those that are left of different runs coincide.
-- With `lives` an episode is one life; a game's return is shared among its lives, since the log
-- holds it for whole games.

WITH seconds_worked AS (
    -- Pauses between the processes that worked on a run are not counted.
    SELECT
        run_id,
        segment_id,
        started_at,
        coalesce(
            sum(epoch(coalesce(ended_at, heartbeat_at) - started_at)) OVER (
                PARTITION BY run_id
                ORDER BY ordinal
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ),
            0
        ) AS before
    FROM segments
),

finished AS (
    SELECT
        e.run_id,
        e.episode_id,
        e.end_step,
        CASE WHEN getvariable('clipped') THEN e.return_clipped ELSE e.return_raw END AS gained,
        CASE
            WHEN getvariable('lives')
                THEN greatest(1, coalesce(e.lives_lost, 0) + (e.terminated IS FALSE)::INTEGER)
            ELSE 1
        END AS lives,
        (worked.before + epoch(e.ended_at - worked.started_at)) / 3600 AS hours
    FROM episodes AS e
    LEFT JOIN seconds_worked AS worked USING (run_id, segment_id)
    WHERE coalesce(e.phase, 'train') = getvariable('phase') AND gained IS NOT NULL
),

counted AS (
    SELECT
        *,
        sum(lives) OVER (PARTITION BY run_id ORDER BY end_step, episode_id ROWS UNBOUNDED PRECEDING)
            ::BIGINT AS done
    FROM finished
),

points AS (
    SELECT
        run_id,
        done,
        end_step AS env_step,
        hours,
        sum(lives) OVER latest::BIGINT AS episodes,
        sum(gained) OVER latest / sum(lives) OVER latest AS mean_return
    FROM counted
    WHERE getvariable('phase') = 'train'
    WINDOW latest AS (
        PARTITION BY run_id
        ORDER BY done
        RANGE BETWEEN getvariable('last_episodes') - 1 PRECEDING AND CURRENT ROW
    )
    UNION ALL
    SELECT
        run_id,
        row_number() OVER (PARTITION BY run_id ORDER BY end_step) AS done,
        end_step,
        max(hours),
        count(*),
        avg(gained)
    FROM counted
    WHERE getvariable('phase') = 'eval'
    GROUP BY run_id, end_step
),

distances AS (
    SELECT (mantissa * 10 ** exponent)::BIGINT AS blocks
    FROM (SELECT unnest([1, 2]) AS mantissa)
    CROSS JOIN range(12) AS powers(exponent)
),

spans AS (
    SELECT run_id, total, min(blocks) * getvariable('block') AS span
    FROM (SELECT run_id, max(done) AS total FROM points GROUP BY run_id)
    JOIN distances
        -- As DOUBLE: a large block would overflow.
        ON blocks::DOUBLE * getvariable('block') * getvariable('most_points') >= total
    GROUP BY run_id, total
)

SELECT run_id, done, env_step, hours, episodes, mean_return
FROM points
JOIN spans USING (run_id)
-- The last point of each whole span. Where every episode or evaluation is a point of its own, the
-- last one of all stays as well.
QUALIFY
    (
        (done - 1) // span IS DISTINCT FROM (
            lead(done - 1) OVER (PARTITION BY run_id ORDER BY done) // span
        )
        AND ((done - 1) // span + 1) * span <= total
    )
    OR (getvariable('block') = 1 AND done = total)
ORDER BY run_id, done

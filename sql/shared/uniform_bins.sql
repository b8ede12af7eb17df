-- name: uniform_bins
-- title: Uniform draws by place in the buffer, in 17 bins by slot and by age
-- reads: samples, updates, runs
-- needs: run_settings

-- A bin b of an update with N transitions holds the integers i below N with (i + 1/2) / N between
-- b/17 and (b + 1)/17; each is expected k / N times. Bins 17 and 18 are single places: the first
-- and the last slot, or the newest and the oldest transition.
WITH sizes AS (
    SELECT
        run_id,
        update_id,
        any_value(buffer_size) AS size,
        any_value(last_transition_id) AS last_id
    FROM updates
    JOIN shared.run_settings AS settings USING (run_id)
    WHERE settings.config ->> '$.sampling' = 'uniform' AND buffer_size > 0
    GROUP BY ALL
),
places AS (
    SELECT s.run_id, u.size, unnest([s.slot, u.last_id - s.transition_id]) AS place,
        unnest(['slot', 'age']) AS kind
    FROM samples AS s
    JOIN sizes AS u USING (run_id, update_id)
),
bounds AS (
    SELECT
        run_id,
        draws,
        size,
        bin,
        least(size, ceil((bin + 1) * size / 17 - 0.5)) - greatest(0, ceil(bin * size / 17 - 0.5))
            AS members
    FROM sizes
    JOIN (SELECT run_id, update_id, count(*) AS draws FROM samples GROUP BY ALL)
        USING (run_id, update_id)
    CROSS JOIN (SELECT unnest(range(17)) AS bin)
),
expected AS (
    SELECT run_id, bin, sum(draws * members / size) AS expected
    FROM bounds
    GROUP BY run_id, bin
    UNION ALL
    SELECT run_id, unnest([17, 18]), sum(draws / size)
    FROM bounds
    WHERE bin = 0
    GROUP BY run_id
),
observed AS (
    SELECT run_id, kind, floor((place + 0.5) / size * 17)::BIGINT AS bin, count(*) AS observed
    FROM places
    WHERE place BETWEEN 0 AND size - 1
    GROUP BY ALL
    UNION ALL
    SELECT run_id, kind, unnest([17, 18]), unnest([
        count(*) FILTER (place = 0),
        count(*) FILTER (place = size - 1)
    ])
    FROM places
    GROUP BY run_id, kind
)
SELECT
    e.run_id,
    k.kind,
    e.bin,
    e.expected,
    coalesce(o.observed, 0)::DOUBLE AS observed
FROM expected AS e
CROSS JOIN (SELECT unnest(['slot', 'age']) AS kind) AS k
LEFT JOIN observed AS o ON o.run_id = e.run_id AND o.kind = k.kind AND o.bin = e.bin

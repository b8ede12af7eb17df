-- name: batch_order
-- title: How the slots of a batch follow each other, over up to 1,000 batches a run
-- reads: samples, updates

-- A stratified batch is drawn from k equal slices of the priority mass in turn, so its slots never
-- fall where the leaves lie in the order of the slots. spread_ratio is the von Neumann ratio, half
-- the mean square of neighbouring differences over the variance in a batch: about 1 for draws in no
-- order, about 7/k^2 in strata. Batches are taken at even distances, so that a sampler that changes
-- in the run is seen; all of them would take 3 s on 13M samples, these 0.3 s.
WITH numbered AS (
    SELECT
        run_id,
        update_id,
        row_number() OVER (PARTITION BY run_id ORDER BY update_id) AS n,
        count(*) OVER (PARTITION BY run_id) AS of
    FROM (SELECT DISTINCT run_id, update_id FROM updates)
),
chosen AS (
    SELECT run_id, update_id
    FROM numbered
    WHERE n % ceil(of / 1000)::BIGINT = 0
),
steps AS (
    SELECT
        run_id,
        update_id,
        slot::DOUBLE AS slot,
        slot::DOUBLE - lag(slot::DOUBLE) OVER (
            PARTITION BY run_id, update_id ORDER BY batch_index
        ) AS step
    FROM samples
    SEMI JOIN chosen USING (run_id, update_id)
    WHERE slot IS NOT NULL AND batch_index IS NOT NULL
),
batches AS (
    SELECT
        run_id,
        update_id,
        count(*) AS draws,
        count(*) FILTER (step < 0) AS falls,
        avg(step * step) / 2 AS half_square,
        var_samp(slot) AS variance
    FROM steps
    GROUP BY run_id, update_id
    HAVING count(*) > 1
)
SELECT
    run_id,
    count(*) AS batches,
    avg(draws) AS batch_size,
    count(*) FILTER (falls > 0) AS falling_batches,
    avg(falls) AS falls,
    max(falls) AS most_falls,
    sum(half_square) / nullif(sum(variance), 0) AS spread_ratio
FROM batches
GROUP BY run_id

-- name: slot_splits
-- title: Draws below three slots against the priority mass that lies there
-- reads: samples, transitions, updates
-- needs: priority_ledger, sampler_gate

-- A share P of the priority mass lies below a slot. A batch of k stratified draws has floor(k P) or
-- one more of them there, so its excess D = draws - k P lies in (-1, 1) with the variance f (1 -
-- f), f the fraction of k P. Independent draws have the variance k P (1 - P) and the fourth moment
-- k P (1 - P) (1 + 3 (k - 2) P (1 - P)).
--
-- variance_by_steps is half the square of the difference from the batch before, summed: the
-- variance again, without what a biased sampler adds to the square of D, which changes slowly.
WITH sides AS (
    SELECT
        run_id,
        update_id,
        split,
        batch_size AS k,
        below,
        greatest(0, least(1, mass_below / mass)) AS share
    FROM (
        SELECT run_id, update_id, batch_size, mass, draws,
            1 AS split, draws_1 AS below, mass_1 AS mass_below
        FROM shared.priority_ledger
        UNION ALL
        SELECT run_id, update_id, batch_size, mass, draws, 2, draws_2, mass_2
        FROM shared.priority_ledger
        UNION ALL
        SELECT run_id, update_id, batch_size, mass, draws, 3, draws_3, mass_3
        FROM shared.priority_ledger
    )
    SEMI JOIN (SELECT run_id FROM shared.sampler_gate WHERE holds) USING (run_id)
),
judged AS (
    SELECT
        run_id,
        split,
        below - k * share AS excess,
        below - k * share - lag(below - k * share) OVER (
            PARTITION BY run_id, split ORDER BY update_id
        ) AS step,
        k * share - floor(k * share) AS fraction,
        k * share * (1 - share) AS variance,
        k * share * (1 - share) * (1 + 3 * (k - 2) * share * (1 - share)) AS fourth
    FROM sides
    WHERE share > 0 AND share < 1
)
SELECT
    run_id,
    split,
    count(*) AS batches,
    sum(excess) AS excess,
    sum(excess * excess) AS excess_squared,
    sum(step * step) / 2 AS variance_by_steps,
    sum(fraction * (1 - fraction)) AS variance_stratified,
    sum(variance) AS variance_independent,
    sum(fourth) AS fourth_independent,
    count(*) FILTER (abs(excess) >= 1.000001) AS jumps
FROM judged
GROUP BY run_id, split

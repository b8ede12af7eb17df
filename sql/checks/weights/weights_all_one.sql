-- name: weights_all_one
-- title: Importance sampling whose weights are all 1
-- severity: error
-- reads: samples, updates
-- grain: run_id
-- groups: runs
-- needs: sampled_batches
-- requires: config.importance_sampling = true, samples.weight, samples.priority
-- diagnosis: all weights are 1 in {updates} updates whose draws have different priorities, up to
--     {widest} times as large as each other, and the config turns importance sampling on
--     ({beta_says})
-- why: prioritized draws without weights converge to something else than the expectation over the
--     buffer, and the settings say that this is corrected.
-- assumes: a beta of 0 is meant and gives weights of 1; so do equal priorities.
-- threshold: priorities in one batch that differ by more than a tenth, whose weights would differ
--     by 4% at beta 0.4, in ten updates or more.
-- cites: tensorforce/tensorforce#267

WITH judged AS (
    SELECT
        b.run_id,
        b.smallest_weight,
        b.largest_weight,
        b.beta,
        b.largest_priority / nullif(b.smallest_priority, 0) AS spread
    FROM shared.sampled_batches AS b
    WHERE b.largest_weight IS NOT NULL AND b.largest_priority IS NOT NULL
)
SELECT
    run_id,
    count(*) FILTER (spread > 1.1 AND (beta > 0) IS NOT FALSE) AS updates,
    max(spread) FILTER (isfinite(spread)) AS widest,
    coalesce('beta is logged as up to ' || format('{:.4g}', max(beta)), 'no beta is logged')
        AS beta_says
FROM judged
GROUP BY run_id
HAVING min(smallest_weight) = 1
    AND max(largest_weight) = 1
    AND count(*) FILTER (spread > 1.1 AND (beta > 0) IS NOT FALSE) >= 10

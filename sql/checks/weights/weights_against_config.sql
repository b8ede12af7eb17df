-- name: weights_against_config
-- title: Weights other than 1 where the config turns importance sampling off
-- severity: error
-- reads: samples, updates
-- grain: run_id
-- groups: runs
-- needs: sampled_batches
-- requires: config.importance_sampling = false, samples.weight
-- diagnosis: {wrong} of {updates} updates have weights other than 1, from update {first_update} on
--     ({smallest} to {largest} there), and the config turns importance sampling off
-- why: a run that is to show what weights do, against one with them, shows nothing if both have
--     them.
-- threshold: 2^-24: a weight of 1 is exact in every float format.
-- cites: chainer/chainerrl#567 and #465 (a setting that is ignored)

WITH judged AS (
    SELECT
        *,
        (smallest_weight >= 1 - pow(2, -24) AND largest_weight <= 1 + pow(2, -24)) IS FALSE
            AS is_wrong
    FROM shared.sampled_batches
)
SELECT
    run_id,
    count(*) FILTER (is_wrong) AS wrong,
    count(*) AS updates,
    min(update_id) FILTER (is_wrong) AS first_update,
    arg_min(smallest_weight, update_id) FILTER (is_wrong) AS smallest,
    arg_min(largest_weight, update_id) FILTER (is_wrong) AS largest
FROM judged
GROUP BY run_id
HAVING count(*) FILTER (is_wrong) > 0

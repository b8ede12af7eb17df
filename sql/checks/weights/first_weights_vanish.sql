-- name: first_weights_vanish
-- title: The weight of a transition's first draw
-- severity: warning
-- reads: samples, updates
-- grain: run_id
-- groups: runs
-- needs: sampled_batches
-- requires: config.importance_sampling = true, samples.weight, samples.priority,
--     samples.priority_new
-- params: least_median DOUBLE = 1e-4 from 0 to 1
-- diagnosis: the {transitions} transitions that were drawn have a median weight of {median_first}
--     at their first draw and a mean weight of {mean_later} after it: their insert priority is
--     {first_priority} on average, {ratio} times the largest that was ever written back
-- why: new transitions enter with the largest priority. If that is orders of magnitude above real
--     errors, their first draws, which are most of what is drawn for long, teach nothing.
-- assumes: errors are what priorities are to be measured by. An insert priority within ten times
--     the largest that was written is not judged: weights are then small because priorities
--     differ.
-- threshold: a median weight of 1e-4 over at least 100 first draws. In sound runs it is 0.02 to
--     0.1; an initial maximum of 1e8 times the errors gives (1e8)^-beta, 1e-8 at beta 1 and 6e-4
--     at beta 0.4. A mean would hide it: while all that is drawn is new, the weights are 1.
-- cites: pytorch/rl#2210 and #2215

-- A median that small has a weight that small in it.
WITH suspects AS (
    SELECT run_id
    FROM shared.sampled_batches
    GROUP BY run_id
    HAVING min(smallest_weight) < getvariable('least_median')
),
firsts AS (
    SELECT
        run_id,
        transition_id,
        arg_min(weight, update_id)::DOUBLE AS weight,
        arg_min(priority, update_id)::DOUBLE AS priority,
        sum(weight) AS all_weights,
        max(priority_new) AS largest_new,
        count(*) AS draws
    FROM samples
    SEMI JOIN suspects USING (run_id)
    WHERE isfinite(weight) AND isfinite(priority)
    GROUP BY run_id, transition_id
)
SELECT
    run_id,
    count(*) AS transitions,
    median(weight) AS median_first,
    (sum(all_weights) - sum(weight)) / nullif(sum(draws) - count(*), 0) AS mean_later,
    avg(priority) AS first_priority,
    avg(priority) / nullif(max(largest_new), 0) AS ratio
FROM firsts
GROUP BY run_id
HAVING count(*) >= 100
    AND sum(draws) > count(*)
    AND avg(priority) > 10 * max(largest_new)
    AND median(weight) < getvariable('least_median')

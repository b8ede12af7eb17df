-- name: not_a_number
-- title: Errors, priorities, weights and losses that are NaN, infinite or negative
-- severity: error
-- reads: samples, updates
-- grain: run_id
-- groups: runs
-- needs: sampled_batches
-- diagnosis: update {first_update} is the first with a {quantity} of {value} ({where_found}):
--     {wrong} of {updates} updates have such a figure, and the run did {later} more after it
-- why: one priority that is not a number makes every sum above it one, so that all draws go to one
--     slot, or past the last one; and a network that has learned from a NaN is lost.
-- cites: MorvanZhou/Reinforcement-learning-with-tensorflow#54, google-research/seed_rl#27

-- A NaN is the greatest of all numbers to max, and a sum with NaN is NaN.
WITH flagged AS (
    SELECT
        *,
        (isfinite(loss_sum) AND isfinite(weighted_loss_sum)) IS FALSE AS bad_error,
        (largest_priority < 'inf'::FLOAT AND smallest_priority >= 0) IS FALSE AS bad_priority,
        (largest_new < 'inf'::FLOAT AND smallest_new >= 0) IS FALSE AS bad_new,
        (largest_weight < 'inf'::FLOAT AND smallest_weight >= 0) IS FALSE AS bad_weight,
        (largest_raw < 'inf'::FLOAT AND largest_raw >= 0) IS FALSE AS bad_raw,
        isfinite(loss) IS FALSE AS bad_loss,
        (priority_total >= 0 AND isfinite(priority_total)) IS FALSE AS bad_total,
        (max_priority >= 0 AND isfinite(max_priority)) IS FALSE AS bad_max,
        isfinite(weight_normaliser) IS FALSE AS bad_normaliser
    FROM shared.sampled_batches
),
wrong AS MATERIALIZED (
    SELECT *
    FROM flagged
    WHERE bad_error OR bad_priority OR bad_new OR bad_weight OR bad_raw OR bad_loss OR bad_total
        OR bad_max OR bad_normaliser
),
firsts AS MATERIALIZED (
    SELECT
        run_id,
        count(*) AS wrong,
        min(update_id) AS first_update,
        arg_min(wrong, update_id) AS bad
    FROM wrong
    GROUP BY run_id
),
-- The first position of that batch that holds such a figure.
positions AS (
    SELECT
        f.run_id,
        min(s.batch_index) AS batch_index,
        arg_min(s.transition_id, s.batch_index) AS transition_id,
        arg_min(s.td_error, s.batch_index) AS td_error,
        arg_min(s.priority, s.batch_index) AS priority,
        arg_min(s.priority_new, s.batch_index) AS priority_new,
        arg_min(s.weight_raw, s.batch_index) AS weight_raw,
        arg_min(s.weight, s.batch_index) AS weight
    FROM firsts AS f
    JOIN samples AS s
        ON s.run_id = f.run_id
        AND s.update_id = f.first_update
        AND s.segment_id IS NOT DISTINCT FROM f.bad.segment_id
    WHERE isfinite(s.td_error) IS FALSE
        OR (s.priority >= 0 AND isfinite(s.priority)) IS FALSE
        OR (s.priority_new >= 0 AND isfinite(s.priority_new)) IS FALSE
        OR (s.weight >= 0 AND isfinite(s.weight)) IS FALSE
        OR (s.weight_raw >= 0 AND isfinite(s.weight_raw)) IS FALSE
    GROUP BY f.run_id
),
totals AS (
    SELECT
        b.run_id,
        count(*) AS updates,
        count(*) FILTER (b.update_id > f.first_update) AS later
    FROM shared.sampled_batches AS b
    JOIN firsts AS f ON f.run_id = b.run_id
    GROUP BY b.run_id
)
SELECT
    f.run_id,
    f.first_update,
    f.bad.segment_id AS segment_id,
    p.batch_index,
    p.transition_id,
    f.wrong,
    totals.updates,
    totals.later,
    CASE
        WHEN f.bad.bad_priority THEN 'drawn priority'
        WHEN f.bad.bad_total THEN 'priority total'
        WHEN f.bad.bad_raw THEN 'raw weight'
        WHEN f.bad.bad_normaliser THEN 'weight normaliser'
        WHEN f.bad.bad_weight THEN 'weight'
        WHEN isfinite(p.td_error) IS FALSE THEN 'TD error'
        WHEN f.bad.bad_loss THEN 'loss'
        WHEN f.bad.bad_new THEN 'new priority'
        ELSE 'maximum priority'
    END AS quantity,
    CASE quantity
        WHEN 'drawn priority' THEN p.priority
        WHEN 'priority total' THEN f.bad.priority_total
        WHEN 'raw weight' THEN p.weight_raw
        WHEN 'weight normaliser' THEN f.bad.weight_normaliser
        WHEN 'weight' THEN p.weight
        WHEN 'TD error' THEN p.td_error
        WHEN 'loss' THEN f.bad.loss
        WHEN 'new priority' THEN p.priority_new
        ELSE f.bad.max_priority
    END::DOUBLE AS value,
    coalesce(
        'transition ' || p.transition_id || ', batch position ' || p.batch_index,
        'for the whole batch'
    ) AS where_found
FROM firsts AS f
LEFT JOIN positions AS p USING (run_id)
JOIN totals USING (run_id)

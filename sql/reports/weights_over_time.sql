-- name: weights_over_time
-- title: Beta and the importance-sampling weights, as training went on
-- question: what do the weights do to the learning rate, and do they correct as they should?
-- reading: beta should move as the settings say, to 1 in the end. A mean weight of 0.3 is a learning rate
--     of a third. effective is the effective size of the batch, (sum w)^2 / sum w^2, as a share of it:
--     low values are batches in which few samples decide. Weights of exactly 1 throughout are off.
-- reads: samples, updates
-- needs: update_spans
-- requires: samples.weight

WITH batches AS (
    SELECT
        run_id,
        update_id,
        count(*) AS draws,
        sum(weight::DOUBLE) AS total,
        sum(weight::DOUBLE * weight) AS squares,
        min(weight) AS least,
        count(*) FILTER (weight < 0.1) AS below_a_tenth
    FROM samples
    WHERE isfinite(weight)
    GROUP BY run_id, update_id
)

SELECT
    u.run_id,
    any_value(u.to_step) AS to_step,
    count(*) AS updates,
    avg(u.beta) FILTER (isfinite(u.beta)) AS beta,
    sum(b.total) / sum(b.draws) AS mean_weight,
    min(b.least) AS least_weight,
    sum(b.below_a_tenth) / sum(b.draws) AS below_a_tenth,
    avg(b.total * b.total / nullif(b.squares * b.draws, 0)) AS effective,
    avg(u.weight_normaliser) FILTER (isfinite(u.weight_normaliser)) AS normaliser
FROM batches AS b
JOIN shared.update_spans AS u USING (run_id, update_id)
GROUP BY u.run_id, u.span
ORDER BY u.run_id, to_step

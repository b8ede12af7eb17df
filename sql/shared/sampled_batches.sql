-- name: sampled_batches
-- title: One row an update: its own figures, and its batch measured against settings and figures
-- reads: samples, updates
-- needs: run_settings, histories

-- suspect_new and suspect_raw count the draws whose new priority or raw weight may be wrong; the
-- checks look at those batches again, draw by draw, with the tolerance that follows.
--
-- u = 2^-24 is half the spacing of float32 numbers near 1. A float32 power x^e is right to
-- u (20 + e + 3 abs(e ln x)): the logarithm and the exponential round, and so do their arguments.
-- The largest seen is 17 u for priorities and 15 u for weights. Both sides are compared by their
-- logarithms, which tell a relative difference at a third of the cost of the power.
--
-- weighed is N of the weights: the transitions stored, or the capacity if the settings say so.
--
-- One scan: 3.4 s of CPU time on 13M draws.
WITH writers AS MATERIALIZED (
    SELECT
        h.run_id,
        h.segment_id,
        h.history,
        TRY_CAST(settings.config ->> '$.alpha' AS DOUBLE) AS alpha,
        TRY_CAST(settings.config ->> '$.priority_epsilon' AS DOUBLE) AS epsilon,
        coalesce(settings.config ->> '$.weight_population' = 'capacity', false) AS weighs_capacity,
        settings.config ->> '$.loss' IN ('huber', 'squared') AS is_quadratic,
        if(settings.config ->> '$.loss' = 'huber', 1, 'inf'::DOUBLE) AS linear_from
    FROM shared.histories AS h
    LEFT JOIN shared.run_settings AS settings ON settings.run_id = h.run_id
),
steps AS MATERIALIZED (
    SELECT
        w.history,
        w.history * 4_398_046_511_104 + u.update_id AS batch,
        u.run_id,
        u.update_id,
        any_value(u.segment_id) AS segment_id,
        any_value(u.env_step) AS env_step,
        any_value(u.last_transition_id) AS last_transition_id,
        any_value(u.buffer_size) AS buffer_size,
        any_value(u.capacity) AS capacity,
        any_value(if(w.weighs_capacity, u.capacity, u.buffer_size)) AS weighed,
        any_value(u.batch_size) AS batch_size,
        any_value(u.loss) AS loss,
        any_value(u.alpha) AS alpha,
        any_value(u.beta) AS beta,
        any_value(u.priority_total) AS priority_total,
        any_value(u.leaf_sum) AS leaf_sum,
        any_value(u.max_priority) AS max_priority,
        any_value(u.weight_normaliser) AS weight_normaliser
    FROM updates AS u
    JOIN writers AS w
        ON w.run_id = u.run_id AND w.segment_id IS NOT DISTINCT FROM u.segment_id
    WHERE u.update_id IS NOT NULL
    GROUP BY ALL
),
factors AS MATERIALIZED (
    SELECT
        batch,
        beta,
        if(weighed > 0 AND priority_total > 0, ln(weighed / priority_total), NULL)
            AS ln_items_per_mass
    FROM steps
),
draws AS NOT MATERIALIZED (
    SELECT
        factors.batch,
        s.generation_written <> s.generation AS moved,
        s.priority,
        s.weight_raw,
        s.weight,
        s.priority_new,
        abs(s.td_error::DOUBLE) AS error,
        w.alpha,
        factors.beta,
        w.alpha * ln(greatest(error + w.epsilon, 1e-300)) AS ln_new,
        -factors.beta * (factors.ln_items_per_mass + ln(greatest(s.priority::DOUBLE, 1e-300)))
            AS ln_raw,
        if(
            w.is_quadratic,
            least(error, w.linear_from) * (error - least(error, w.linear_from) / 2),
            error
        ) AS own_loss
    FROM samples AS s
    JOIN writers AS w
        ON w.run_id = s.run_id AND w.segment_id IS NOT DISTINCT FROM s.segment_id
    JOIN factors ON factors.batch = w.history * 4_398_046_511_104 + s.update_id
),
batches AS (
    SELECT
        batch,
        count(*) AS draws,
        min(priority) AS smallest_priority,
        max(priority) AS largest_priority,
        min(priority_new) AS smallest_new,
        max(priority_new) AS largest_new,
        max(weight_raw) AS largest_raw,
        min(weight) AS smallest_weight,
        max(weight) AS largest_weight,
        min(weight_raw / nullif(weight, 0)) AS smallest_divisor,
        max(weight_raw / nullif(weight, 0)) AS largest_divisor,
        sum(weight) AS weight_sum,
        sum(own_loss) AS loss_sum,
        sum(weight * own_loss) AS weighted_loss_sum,
        count_if(moved) AS moved,
        count_if(NOT (
            abs(ln(greatest(priority_new::DOUBLE, 1e-300)) - ln_new)
            <= pow(2, -24) * (20 + alpha + 3 * abs(ln_new))
        )) AS suspect_new,
        count_if(NOT (
            abs(ln(greatest(weight_raw::DOUBLE, 1e-300)) - ln_raw)
            <= pow(2, -24) * (20 + 4 * beta + 3 * abs(ln_raw))
        )) AS suspect_raw
    FROM draws
    GROUP BY batch
)
-- ordinal counts the updates in the log. complete: no update and no draw up to this one is missing
-- from it. Ids count from 0 or 1; a log whose first two are 1 and 3 is thinned.
SELECT
    steps.*,
    batches.* EXCLUDE (batch),
    row_number() OVER in_order AS ordinal,
    ordinal >= update_id
        AND bool_and(coalesce(draws, 0) = coalesce(batch_size, draws)) OVER in_order
        AND (update_id = ordinal AND ordinal = 1 AND lead(update_id) OVER in_order > 2) IS NOT TRUE
        AS complete
FROM steps
LEFT JOIN batches USING (batch)
WINDOW in_order AS (
    PARTITION BY history ORDER BY update_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
)

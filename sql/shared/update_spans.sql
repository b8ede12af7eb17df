-- name: update_spans
-- title: Each update once, and in which twentieth of the agent steps of its run it was done
-- reads: updates

-- An update that is logged twice is one update here. A run in which an update has no agent step is
-- divided by its updates. The twentieths run from the first update to the last; those without an
-- update have no row.
WITH clocked AS (
    SELECT DISTINCT ON (run_id, update_id)
        run_id,
        update_id,
        env_step,
        segment_id,
        last_transition_id AS last_id,
        last_transition_id - buffer_size + 1 AS oldest_id,
        buffer_size,
        capacity,
        batch_size,
        loss,
        alpha,
        beta,
        priority_total,
        max_priority,
        weight_normaliser,
        grad_norm,
        q_mean,
        noise_online,
        noise_target,
        noise_select,
        elapsed_seconds
    FROM updates
    WHERE update_id IS NOT NULL
),
stepped AS (
    SELECT
        * EXCLUDE (env_step),
        CASE WHEN bool_and(env_step IS NOT NULL) OVER run THEN env_step ELSE update_id END
            AS env_step
    FROM clocked
    WINDOW run AS (PARTITION BY run_id)
),
bounded AS (
    SELECT
        *,
        min(env_step) OVER run AS first_step,
        max(env_step) OVER run - min(env_step) OVER run + 1 AS steps
    FROM stepped
    WINDOW run AS (PARTITION BY run_id)
)
SELECT
    * EXCLUDE (first_step, steps),
    (env_step - first_step) * 20 // steps AS span,
    first_step + ceil(span * steps / 20)::BIGINT AS from_step,
    first_step + ceil((span + 1) * steps / 20)::BIGINT - 1 AS to_step
FROM bounded

-- name: wrong_draws
-- title: Samples that no sound sampler draws, with what makes them so
-- reads: samples, updates, transitions

-- One pass keeps every sample whose slot, transition, generation or priority cannot be. stored_
-- columns are those of the transition when it was stored, NULL where the log has no such
-- transition. Cost on 13M samples with two threads: 1.1 s.
WITH batches AS (
    SELECT
        run_id,
        update_id,
        any_value(buffer_size) AS buffer_size,
        any_value(last_transition_id) AS last_id,
        any_value(capacity) AS capacity,
        any_value(logged.run_id IS NOT NULL) AS has_transitions
    FROM updates
    LEFT JOIN (SELECT DISTINCT run_id FROM transitions) AS logged USING (run_id)
    GROUP BY run_id, update_id
),
stored AS (
    SELECT
        run_id,
        transition_id,
        true AS is_stored,
        any_value(slot) AS slot,
        any_value(generation) AS generation
    FROM transitions
    GROUP BY ALL
)
SELECT
    s.run_id,
    s.update_id,
    s.batch_index,
    s.transition_id,
    s.slot,
    s.generation,
    s.priority,
    b.buffer_size,
    b.capacity,
    b.last_id,
    b.last_id - b.buffer_size + 1 AS oldest_id,
    stored.is_stored IS NOT NULL AS is_stored,
    stored.slot AS stored_slot,
    stored.generation AS stored_generation
FROM samples AS s
LEFT JOIN batches AS b USING (run_id, update_id)
LEFT JOIN stored ON stored.run_id = s.run_id AND stored.transition_id = s.transition_id
WHERE s.slot NOT BETWEEN 0 AND b.buffer_size - 1
    OR s.transition_id NOT BETWEEN b.last_id - b.buffer_size + 1 AND b.last_id
    OR s.priority <= 0
    OR s.slot <> stored.slot
    OR s.generation <> stored.generation
    OR (stored.is_stored IS NULL AND b.has_transitions)

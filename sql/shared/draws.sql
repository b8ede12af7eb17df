-- name: draws
-- title: All draws by priority, when on the clock they were, and which of several copies is the last
-- reads: samples
-- needs: update_clock, batch_repeats
-- kind: view

-- copies counts the positions of the batch at which the transition stands. They are written back in
-- the order of the batch, so that is_last tells the write that counts.
SELECT
    s.*,
    c.buffer_size,
    c.priority_total,
    c.clock_before,
    c.clock,
    c.first_id,
    c.span,
    c.block,
    c.eighth,
    coalesce(r.draws, 1) AS copies,
    (s.batch_index < r.last_position) IS NOT TRUE AS is_last
FROM samples AS s
JOIN shared.update_clock AS c USING (run_id, update_id)
LEFT JOIN shared.batch_repeats AS r
    ON r.run_id = s.run_id
    AND r.update_id = s.update_id
    AND r.transition_id = s.transition_id
    AND r.segment_id IS NOT DISTINCT FROM s.segment_id

-- name: slots_out_of_ring_order
-- title: Slots of the replay are filled in ring order
-- severity: error
-- reads: raw.transitions, raw.runs
-- grain: run_id, segment_id, transition_id
-- groups: transitions = raw.transitions
-- needs: run_settings
-- requires: transitions.slot, transitions.transition_id, config.capacity
-- diagnosis: transition {transition_id} of run {run_id} is in slot {slot}, generation {generation},
--     where a ring of {capacity} slots puts it into slot {expected_slot}, generation
--     {expected_generation}; {found} transitions are off
-- why: a ring that skips or repeats slots forgets some transitions too early and keeps others for
--     ever, and priorities go to transitions that they were not computed for.
-- false_alarms: none; exact
-- assumes: one ring for all environments, and ids without gaps. A log of rlaudit begins with id 0
--     in slot 0; in others each process may begin anywhere in the ring.
-- cites: vwxyzjn/cleanrl#511, ray-project/ray#6534 (slots that were overwritten)

WITH rings AS (
    SELECT
        s.run_id,
        (s.config ->> '$.capacity')::BIGINT AS capacity,
        bool_or(r.source = 'rlaudit') AS begins_at_zero
    FROM shared.run_settings AS s
    JOIN raw.runs AS r USING (run_id)
    GROUP BY ALL
),
beginnings AS (
    SELECT
        run_id,
        segment_id,
        min(transition_id) AS transition_id,
        arg_min(slot, transition_id) AS slot,
        arg_min(generation, transition_id) AS generation
    FROM raw.transitions
    GROUP BY run_id, segment_id
),
-- offset is what to add to an id to get the place on the ring as if it were cut open.
offsets AS (
    SELECT
        b.run_id,
        b.segment_id,
        r.capacity,
        if(
            r.begins_at_zero,
            0,
            coalesce(b.generation, 0) * r.capacity + b.slot - b.transition_id
        ) AS offset_
    FROM beginnings AS b
    JOIN rings AS r USING (run_id)
    WHERE r.capacity > 0
)
SELECT
    t.run_id,
    t.segment_id,
    t.transition_id,
    t.slot,
    t.generation,
    o.capacity,
    (t.transition_id + o.offset_) % o.capacity AS expected_slot,
    (t.transition_id + o.offset_) // o.capacity AS expected_generation
FROM raw.transitions AS t
JOIN offsets AS o
    ON o.run_id = t.run_id AND o.segment_id IS NOT DISTINCT FROM t.segment_id
WHERE t.slot <> (t.transition_id + o.offset_) % o.capacity
    OR t.generation <> (t.transition_id + o.offset_) // o.capacity

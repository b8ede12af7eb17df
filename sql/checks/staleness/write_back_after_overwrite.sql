-- name: write_back_after_overwrite
-- title: Priorities written to a slot that was filled anew since the draw
-- severity: error
-- reads: samples, updates
-- grain: run_id, update_id, batch_index
-- groups: samples
-- needs: sampled_batches
-- requires: samples.generation, samples.generation_written
-- diagnosis: update {update_id} drew transition {transition_id} from generation {generation} of
--     slot {slot}, and its priority {priority_new} was written to generation {generation_written}:
--     {cause} ({found} such writes)
-- why: the transition that lies in the slot now gets the error of one that is gone, and loses the
--     high priority that new transitions enter with.
-- incremental: update_id
-- cites: vwxyzjn/cleanrl#511, ray-project/ray#6534, pytorch/rl#4041

SELECT
    s.run_id,
    s.segment_id,
    s.update_id,
    s.batch_index,
    s.transition_id,
    s.slot,
    s.generation,
    s.generation_written,
    s.priority_new,
    if(
        s.generation_written > s.generation,
        coalesce(
            'transition '
                || (s.transition_id + (s.generation_written - s.generation) * b.capacity)
                || ' was stored in between and got the error of another',
            'another transition was stored in between and got the error of this one'
        ),
        'generations only rise, so the slot or its count is wrong'
    ) AS cause
FROM samples AS s
JOIN shared.sampled_batches AS b
    ON b.run_id = s.run_id
    AND b.segment_id IS NOT DISTINCT FROM s.segment_id
    AND b.update_id = s.update_id
WHERE b.moved > 0 AND s.generation_written <> s.generation

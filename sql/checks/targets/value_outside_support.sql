-- name: value_outside_support
-- title: Mean values that no distribution on the support has
-- severity: error
-- reads: updates
-- grain: run_id, update_id
-- groups: updates
-- needs: window_settings
-- requires: config.distributional = true, config.v_min, config.v_max, updates.q_mean
-- diagnosis: the mean value in update {update_id} of run {run_id} is {q_mean}, outside the support
--     from {v_min} to {v_max} that the config gives; the network's support is another, or its
--     outputs are no probabilities; {found} updates are wrong
-- why: under C51 every value is a mean over the atoms and lies between the first and the last. One
--     that does not says that the agent is not the one that the config describes.
-- threshold: (num_atoms + 10) 2^-24 times the larger end: probabilities that sum to 1 within the
--     softmax's rounding, and num_atoms products and sums in float32.
-- incremental: update_id
-- cites: Bellemare et al. 2017, section 4.1; chainer/chainerrl#567, #465 (flags that are ignored)

SELECT
    u.run_id,
    u.update_id,
    u.q_mean,
    s.v_min,
    s.v_max,
    (coalesce(s.num_atoms, 51) + 10) * pow(2, -24) * greatest(abs(s.v_min), abs(s.v_max))
        AS tolerance
FROM updates AS u
JOIN shared.window_settings AS s USING (run_id)
WHERE NOT isnan(u.q_mean)
    AND (u.q_mean < s.v_min - tolerance OR u.q_mean > s.v_max + tolerance)

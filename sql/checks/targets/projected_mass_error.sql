-- name: projected_mass_error
-- title: Projected distributions whose mass is not 1
-- severity: error
-- reads: updates
-- grain: run_id, update_id
-- groups: updates
-- needs: window_settings
-- requires: config.num_atoms, updates.mass_error
-- diagnosis: in update {update_id} of run {run_id} a projected distribution's mass is off by
--     {mass_error} on {num_atoms} atoms, where rounding explains {tolerance}: {problem}; {found}
--     updates are wrong
-- why: the target of C51 is a distribution. If its mass is not 1, the cross-entropy pulls all
--     logits down (or up), most of all where mass is lost: at ends of games and exact hits.
-- threshold: (2 num_atoms + 10) 2^-24, the worst that float32 allows: 10 for the softmax and the
--     split between two neighbours, num_atoms where all atoms land on one, num_atoms for their
--     sum. 6.7e-6 for 51 atoms; the largest seen in 400,000 updates is 4.2e-7.
-- assumes: the projection is computed in float32 or better.
-- incremental: update_id
-- cites: floringogianu/categorical-dqn#1 (floor equals ceil: a target that falls on an atom loses
--     its mass); Bellemare et al. 2017, algorithm 1

SELECT
    u.run_id,
    u.update_id,
    u.mass_error,
    s.num_atoms,
    (2 * s.num_atoms + 10) * pow(2, -24) AS tolerance,
    CASE
        WHEN isnan(u.mass_error) THEN 'it is not a number'
        WHEN u.mass_error >= 0.999 AND u.mass_error <= 1 + tolerance
            THEN 'all of it, as where a target falls on an atom and both neighbours get weight 0'
        WHEN u.mass_error > 1 THEN 'more mass is added than there is'
        ELSE 'mass is lost or added on its way to the atoms'
    END AS problem
FROM updates AS u
JOIN shared.window_settings AS s USING (run_id)
WHERE u.mass_error IS NOT NULL
    AND (abs(u.mass_error) <= tolerance AND NOT isnan(u.mass_error)) IS NOT TRUE

-- name: probe_mass_outside_stratum
-- title: The mass that was drawn against the priority total and the stratum
-- severity: error
-- reads: updates, runs
-- grain: run_id, update_id
-- groups: updates = updates
-- needs: run_settings
-- requires: updates.probe_mass, updates.priority_total
-- params: tolerance DOUBLE = 1e-6 from 0
-- incremental: update_id
-- diagnosis: for position {probe_batch_index} of update {update_id} of run {run_id} the mass
--     {probe_mass} was drawn, which {where} ({found} such updates)
-- why: a mass past the total falls on no leaf, or on the last one whatever its priority; one
--     outside its stratum leaves a slice of the buffer without a draw.
-- threshold: one part in a million of the mass, for masses that are drawn in float32 (u = 2^-24, a
--     product of three roundings and the division into strata); in float64 they are within 1e-15.
-- cites: Schaul et al. 2016, appendix B.2.1; openai/baselines#527 (not stratified as configured).

WITH probes AS (
    SELECT
        u.run_id,
        u.update_id,
        any_value(u.probe_batch_index) AS probe_batch_index,
        any_value(u.probe_mass) AS probe_mass,
        any_value(u.priority_total) AS total,
        any_value(CASE
            WHEN settings.config ->> '$.sampling' = 'stratified'
            THEN u.priority_total / u.batch_size
        END) AS width
    FROM updates AS u
    LEFT JOIN shared.run_settings AS settings USING (run_id)
    WHERE u.probe_mass IS NOT NULL AND u.priority_total IS NOT NULL
    GROUP BY u.run_id, u.update_id
)
SELECT
    run_id,
    update_id,
    probe_batch_index,
    probe_mass,
    total,
    CASE
        WHEN (probe_mass BETWEEN 0 AND total * (1 + getvariable('tolerance'))) IS NOT TRUE
            OR isnan(probe_mass)
        THEN format('is outside the priority total, 0 to {:.6g}', total)
        ELSE format(
            'is outside its stratum, {:.6g} to {:.6g}',
            probe_batch_index * width,
            (probe_batch_index + 1) * width
        )
    END AS "where"
FROM probes
WHERE (probe_mass BETWEEN 0 AND total * (1 + getvariable('tolerance'))) IS NOT TRUE
    OR isnan(probe_mass)
    OR (width IS NOT NULL AND (
        probe_mass BETWEEN probe_batch_index * width * (1 - getvariable('tolerance'))
            AND (probe_batch_index + 1) * width * (1 + getvariable('tolerance'))
    ) IS NOT TRUE)

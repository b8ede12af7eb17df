-- name: excess_sampling_attempts
-- title: Draws that were rejected
-- severity: warning
-- reads: updates
-- grain: run_id, update_id
-- groups: updates = updates
-- requires: updates.sampling_attempts, updates.batch_size
-- params: most_per_draw BIGINT = 4 from 1
-- incremental: update_id
-- diagnosis: update {update_id} of run {run_id} took {sampling_attempts} attempts to draw a batch
--     of {batch_size}; {found} updates of the run took more than {most_per_draw} for each draw, or
--     fewer than one
-- why: a sampler that draws until it likes what it has can wait for ever when the priorities gather
--     on what it rejects, and what it accepts no longer follows the priorities.
-- threshold: more than four attempts for each draw: a sampler that only leaves out the transitions
--     near the write head rejects a share of (frames + n) / N. Fewer attempts than draws are
--     impossible.
-- cites: Kaixhin/Rainbow#60 (samples are rejected endlessly).

SELECT
    run_id,
    update_id,
    any_value(sampling_attempts) AS sampling_attempts,
    any_value(batch_size) AS batch_size,
    getvariable('most_per_draw') AS most_per_draw
FROM updates
WHERE sampling_attempts NOT BETWEEN batch_size AND getvariable('most_per_draw') * batch_size
GROUP BY run_id, update_id

-- name: zero_priority_written
-- title: Write-backs of priority 0
-- severity: error
-- reads: samples, updates
-- grain: run_id, update_id, batch_index
-- groups: samples
-- needs: run_settings, sampled_batches
-- requires: samples.priority_new
-- diagnosis: update {update_id} wrote priority 0 for transition {transition_id} (TD error
--     {td_error}, epsilon {epsilon}), which no draw can reach again ({found} such writes)
-- why: a transition of priority 0 is dead while it lies in the replay. Epsilon is there to prevent
--     it; priorities that are kept as whole numbers bring it about all the same.
-- assumes: epsilon 0, where the config states it, is meant, and an error of 0 then gives 0.
-- incremental: update_id
-- cites: Schaul et al. 2016, section 3.3; Kaixhin/Rainbow 32c3f4b, instadeepai/flashbax#58

WITH settings AS MATERIALIZED (
    SELECT run_id, TRY_CAST(config ->> '$.priority_epsilon' AS DOUBLE) AS epsilon
    FROM shared.run_settings
),
suspects AS (
    SELECT run_id, segment_id, update_id FROM shared.sampled_batches WHERE smallest_new = 0
)
SELECT
    s.run_id,
    s.segment_id,
    s.update_id,
    s.batch_index,
    s.transition_id,
    s.priority,
    s.td_error,
    settings.epsilon
FROM samples AS s
JOIN suspects
    ON suspects.run_id = s.run_id
    AND suspects.segment_id IS NOT DISTINCT FROM s.segment_id
    AND suspects.update_id = s.update_id
LEFT JOIN settings ON settings.run_id = s.run_id
WHERE s.priority_new = 0 AND (s.td_error = 0 AND settings.epsilon = 0) IS NOT TRUE

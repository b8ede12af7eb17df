-- name: run_failed
-- title: The run did not end in an error
-- severity: warning
-- reads: raw.segments
-- also_reads: raw.events
-- grain: run_id, segment_id
-- groups: segments
-- diagnosis: run {run_id} ended in an error at agent step {end_step} of {steps}{reason}
-- why: what a run learned until it failed is no result of the method, and leaving failed runs out
--     without a word favours the method.
-- needs: run_settings
-- false_alarms: none; a run that was interrupted or killed has not failed
-- after: run_died_when_full

SELECT
    s.run_id,
    s.segment_id,
    s.end_step,
    r.config ->> '$.steps' AS steps,
    coalesce(': ' || e.message, '') AS reason
FROM raw.segments AS s
LEFT JOIN shared.run_settings AS r USING (run_id)
LEFT JOIN (
    SELECT segment_id, arg_max(detail ->> '$.message', env_step) AS message
    FROM raw.events
    WHERE kind IN ('nan', 'audit')
    GROUP BY segment_id
) AS e USING (segment_id)
WHERE s.state = 'failed'
    AND NOT EXISTS (
        SELECT 1
        FROM raw.segments AS later
        WHERE later.run_id = s.run_id AND later.ordinal > s.ordinal
    )

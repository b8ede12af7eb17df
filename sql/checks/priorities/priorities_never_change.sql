-- name: priorities_never_change
-- title: Prioritized replay whose priorities are all the same
-- severity: error
-- reads: samples, updates
-- grain: run_id
-- groups: runs
-- needs: run_settings, sampled_batches
-- requires: config.prioritized = true, samples.priority
-- params: least_redraws BIGINT = 100 from 1
-- diagnosis: all {draws} draws show priority {priority}, {redraws} of them of transitions that had
--     been drawn before: {cause}
-- why: the run calls itself prioritized and draws uniformly; comparisons that credit priorities
--     credit nothing.
-- assumes: an alpha of 0, where the config states it, is meant, and gives equal priorities.
-- threshold: 100 draws of transitions that had been drawn before, all at the same priority. One
--     write-back of an error shows as a second value.
-- cites: ShangtongZhang/DeepRL#85, higgsfield/RL-Adventure#11

WITH suspects AS (
    SELECT
        run_id,
        min(smallest_priority) AS priority,
        sum(draws) AS draws,
        count(largest_new) AS written
    FROM shared.sampled_batches
    GROUP BY run_id
    HAVING min(smallest_priority) = max(largest_priority)
),
drawn AS (
    SELECT run_id, transition_id, count(DISTINCT update_id) AS updates
    FROM samples
    SEMI JOIN suspects USING (run_id)
    GROUP BY run_id, transition_id
)
SELECT
    run_id,
    any_value(s.priority) AS priority,
    any_value(s.draws)::BIGINT AS draws,
    sum(updates - 1)::BIGINT AS redraws,
    if(
        any_value(s.written) = 0,
        'no priority was ever written back',
        'what update_priorities wrote back never reached the draws'
    ) AS cause
FROM drawn
JOIN suspects AS s USING (run_id)
JOIN shared.run_settings AS settings USING (run_id)
WHERE (TRY_CAST(settings.config ->> '$.alpha' AS DOUBLE) = 0) IS NOT TRUE
GROUP BY run_id
HAVING sum(updates - 1) >= getvariable('least_redraws')

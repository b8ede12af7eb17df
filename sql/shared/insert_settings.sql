-- name: insert_settings
-- title: The settings that the priorities of new transitions are checked against, as numbers
-- reads: raw.runs
-- needs: run_settings

-- first is the leaf that a transition enters with before any priority was written. Where a run
-- does not state it, it is 1, or the leaf of an error of 1: other_first.
SELECT
    run_id,
    try_cast(config ->> '$.alpha' AS DOUBLE) AS alpha,
    try_cast(config ->> '$.insert_priority_first' AS DOUBLE) AS stated,
    if(stated > 0 AND isfinite(stated), stated, 1) AS first_,
    if(
        stated > 0 AND isfinite(stated),
        stated,
        coalesce(pow(1 + try_cast(config ->> '$.priority_epsilon' AS DOUBLE), alpha), 1)
    ) AS other_first
FROM shared.run_settings

-- name: learning_during_evaluation
-- title: Nothing is learned or stored while evaluating
-- severity: error
-- reads: events
-- grain: run_id, env_step
-- groups: events
-- requires: events.detail
-- diagnosis: the evaluation of run {run_id} at agent step {env_step} did {updates} updates and
--     stored {transitions} transitions, where it should do neither ({found} evaluations did)
-- why: the agent that is measured changes while it is measured, and the run trains more, and on
--     other data, than its steps say.
-- false_alarms: none; exact
-- assumes: an evaluation event counts updates and transitions before and after
-- cites: microsoft/CyberBattleSim#115

SELECT *
FROM (
    SELECT
        run_id,
        env_step,
        (detail ->> '$.updates_after')::BIGINT - (detail ->> '$.updates_before')::BIGINT AS updates,
        (detail ->> '$.transitions_after')::BIGINT - (detail ->> '$.transitions_before')::BIGINT
            AS transitions
    FROM events
    WHERE kind = 'evaluation'
) AS evaluations
WHERE updates <> 0 OR transitions <> 0

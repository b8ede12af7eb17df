-- name: actions_taken
-- title: How evenly the stored actions are spread, in tenths of the transitions
-- question: does the agent still try everything, or has it settled on one action?
-- reading: entropy is in bits: log2 of the number of actions while it acts at random, 0 when it does one
--     thing only. A fall to 0 early on is an agent that has stopped exploring; an action that is never
--     taken may be an index that is off.
-- reads: transitions
-- requires: transitions.action

WITH placed AS (
    SELECT
        run_id,
        action,
        transition_id,
        ntile(10) OVER (PARTITION BY run_id ORDER BY transition_id) AS tenth
    FROM transitions
    WHERE action IS NOT NULL
),

counted AS (
    SELECT
        run_id,
        tenth,
        action,
        max(transition_id) AS last_id,
        count(*) AS taken,
        count(*) / sum(count(*)) OVER (PARTITION BY run_id, tenth) AS share
    FROM placed
    GROUP BY run_id, tenth, action
)

SELECT
    run_id,
    max(last_id) AS to_transition,
    sum(taken)::BIGINT AS transitions,
    count(*) AS actions,
    arg_max(action, taken) AS most_taken,
    max(share) AS its_share,
    -sum(share * log2(share)) AS entropy
FROM counted
GROUP BY run_id, tenth
ORDER BY run_id, tenth

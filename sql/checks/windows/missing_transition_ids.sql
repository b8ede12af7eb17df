-- name: missing_transition_ids
-- title: Gaps in the numbers of the stored transitions
-- severity: error
-- reads: transitions
-- grain: run_id, segment_id
-- groups: segments = segments
-- needs: episode_ledger
-- requires: transitions.transition_id
-- diagnosis: run {run_id} numbers its transitions from {first_id} to {last_id} and {missing} of
--     them are not in the log (the first after {before_gap}, in segment {segment_id})
-- why: ids count what the replay stored. A number that is missing is a transition that can be
--     drawn and that the log does not know, or one that was lost.
-- assumes: ids count up by one. Not judged: a run whose recorder says that it dropped rows, and a
--     trainer that samples what it logs.
-- cites: conservation of transitions

WITH lossy AS (
    SELECT DISTINCT run_id FROM shared.episode_ledger WHERE is_lossy
),
suspects AS (
    SELECT run_id, min(transition_id) AS first_id, max(transition_id) AS last_id
    FROM transitions
    ANTI JOIN lossy USING (run_id)
    GROUP BY run_id
    HAVING last_id - first_id + 1 > count(*)
        OR sum(transition_id) <> (first_id + last_id) * count(*) / 2
),
ids AS (
    SELECT
        t.run_id,
        t.segment_id,
        t.transition_id,
        s.first_id,
        s.last_id,
        lead(t.transition_id) OVER (PARTITION BY t.run_id ORDER BY t.transition_id) AS next_id
    FROM transitions AS t
    JOIN suspects AS s USING (run_id)
)
SELECT
    run_id,
    segment_id,
    any_value(first_id) AS first_id,
    any_value(last_id) AS last_id,
    sum(next_id - transition_id - 1)::BIGINT AS missing,
    min(transition_id) AS before_gap
FROM ids
WHERE next_id > transition_id + 1
GROUP BY run_id, segment_id

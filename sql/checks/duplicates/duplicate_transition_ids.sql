-- name: duplicate_transition_ids
-- title: Transition ids (run, transition)
-- severity: error
-- reads: raw.transitions
-- grain: run_id, transition_id, obsolete_in
-- groups: transition ids
-- requires: transitions.transition_id
-- diagnosis: transition {transition_id} of run {run_id} is stored {copies} times (distinct steps:
--     {steps})
-- why: samples point to transitions by this id, which is never reused. Under a repeated id, every
--     draw and every priority belongs to two transitions at once.
-- after: resume_does_not_continue, run_id_shared
-- cites: Shmuma/ptan#25, google/dopamine#228 (transitions stored twice)

-- obsolete_in: NULL for the rows that belong to the run, whichever process wrote them; the segment
-- of those that a later resume made obsolete, which are compared among themselves.
-- Blocks of ids are compared first: 0.8 s on 6M transitions, where grouping by id takes 1.8 s.
WITH rows AS NOT MATERIALIZED (
    SELECT
        t.run_id,
        CASE
            WHEN (t.transition_id > cut.last_transition_id) IS TRUE THEN t.segment_id
        END AS obsolete_in,
        t.transition_id,
        t.transition_id // 1024 AS block,
        t.env_index,
        t.episode_id,
        t.episode_step
    FROM raw.transitions AS t
    LEFT JOIN raw.segment_cuts AS cut USING (run_id, segment_id)
    WHERE t.transition_id IS NOT NULL
),
suspects AS (
    SELECT run_id, obsolete_in, block
    FROM rows
    GROUP BY ALL
    HAVING count(*) > len(list_distinct(list(transition_id)))
)
SELECT
    rows.run_id,
    rows.transition_id,
    rows.obsolete_in,
    count(*) AS copies,
    count(DISTINCT (rows.env_index, rows.episode_id, rows.episode_step)) AS steps
FROM rows
SEMI JOIN suspects
    ON suspects.run_id = rows.run_id
    AND suspects.obsolete_in IS NOT DISTINCT FROM rows.obsolete_in
    AND suspects.block = rows.block
GROUP BY ALL
HAVING count(*) > 1

-- name: drawn_transition_unknown
-- title: Draws of transitions that were never stored
-- severity: error
-- reads: samples, updates, transitions
-- also_reads: segments
-- grain: run_id, update_id, batch_index
-- groups: samples = samples
-- needs: wrong_draws
-- requires: samples.transition_id, transitions.transition_id
-- diagnosis: update {update_id} of run {run_id} drew transition {transition_id}, and the log has no
--     such transition ({found} draws in all)
-- why: what a draw was made of cannot be looked up, so neither its reward nor its window can be
--     checked; either the replay holds something that was never stored, or storing was not logged.
-- assumes: the log has the transitions of the whole run. Runs whose recorder lost some, as segments
--     tells, and ids before the first that was logged are left out.
-- cites: huggingface/lerobot#918 (an uninitialised slot is sampled).

WITH firsts AS (
    SELECT run_id, min(transition_id) AS first_id
    FROM transitions
    GROUP BY run_id
)
SELECT w.run_id, w.update_id, w.batch_index, w.transition_id, w.slot
FROM shared.wrong_draws AS w
JOIN firsts USING (run_id)
ANTI JOIN (
    SELECT run_id
    FROM segments
    WHERE coalesce(rows_dropped['transitions'], 0) + coalesce(rows_spooled['transitions'], 0) > 0
) AS lossy USING (run_id)
WHERE NOT w.is_stored AND w.transition_id >= firsts.first_id

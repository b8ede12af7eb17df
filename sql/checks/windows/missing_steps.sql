-- name: missing_steps
-- title: Steps of finished episodes that were never stored
-- severity: error
-- reads: episodes, transitions
-- grain: run_id, episode_id
-- groups: episodes
-- needs: episode_ledger
-- requires: episodes.length, transitions.episode_id, transitions.episode_step
-- diagnosis: {missing} of the {length} steps of episode {episode_id} of run {run_id} are not
--     stored (step {first_missing} is the first), and {found} episodes lack some
-- why: what is not stored is never learned from. Steps that are lost at ends take the terminations
--     with them; steps that are lost elsewhere mean that an add failed or was overwritten.
-- assumes: every step of a training episode is stored. Not judged: the last n - 1 steps
--     where most episodes lack theirs, which is a finding of missing_tail_windows; an episode that a resume cut in two, whose open windows may be
--     lost; a run whose recorder says that it dropped rows.
-- after: episodes_overlap, evaluation_logged_as_training, missing_transition_ids
-- cites: conservation of steps; google/dopamine#228

WITH suspects AS (
    SELECT run_id, episode_id, length, last_stored, is_gapless
    FROM shared.episode_ledger
    WHERE is_finished
        AND is_whole
        AND NOT is_lossy
        AND (is_gapless AND last_stored = length - 1) IS NOT TRUE
        AND (lacks_tail AND drops_tails) IS NOT TRUE
),
missing AS (
    SELECT run_id, episode_id, unnest(range(length)) AS episode_step
    FROM suspects
),
absent AS (
    SELECT run_id, episode_id, count(*) AS missing, min(episode_step) AS first_missing
    FROM missing
    ANTI JOIN transitions USING (run_id, episode_id, episode_step)
    GROUP BY run_id, episode_id
)
SELECT
    a.run_id,
    a.episode_id,
    s.length,
    a.missing,
    a.first_missing
FROM absent AS a
JOIN suspects AS s USING (run_id, episode_id)

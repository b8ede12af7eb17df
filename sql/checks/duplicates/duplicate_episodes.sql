-- name: duplicate_episodes
-- title: Episodes (run, episode)
-- severity: error
-- reads: raw.episodes
-- grain: run_id, episode_id, obsolete_in
-- groups: episodes
-- requires: episodes.episode_id
-- diagnosis: episode {episode_id} of run {run_id} is logged {copies} times (distinct versions:
--     {versions}), ending at agent steps {first_end_step} to {last_end_step}
-- why: every mean return and episode count takes such a game more than once, and two games under
--     one id mix the steps of both.
-- after: resume_does_not_continue, run_id_shared
-- cites: wandb/wandb#6728, allenai/tango#152 (a resume logs again), DLR-RM/stable-baselines3#852

-- obsolete_in: NULL for the rows that belong to the run, whichever process wrote them; the segment
-- of those that a later resume made obsolete, which are compared among themselves.
SELECT
    e.run_id,
    e.episode_id,
    CASE
        WHEN (
            e.end_step > cut.last_step
            OR (
                e.phase = 'eval'
                AND e.end_step = cut.last_step
                AND e.episode_id > cut.last_episode_id
            )
        ) IS TRUE
            THEN e.segment_id
    END AS obsolete_in,
    count(*) AS copies,
    count(DISTINCT (e.env_index, e.phase, e.end_step, e.length, e.return_raw)) AS versions,
    count(DISTINCT e.segment_id) AS segments,
    min(e.end_step) AS first_end_step,
    max(e.end_step) AS last_end_step
FROM raw.episodes AS e
LEFT JOIN raw.segment_cuts AS cut USING (run_id, segment_id)
WHERE e.episode_id IS NOT NULL
GROUP BY ALL
HAVING count(*) > 1

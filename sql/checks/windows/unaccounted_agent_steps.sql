-- name: unaccounted_agent_steps
-- title: Agent steps that belong to no episode, or to several
-- severity: error
-- reads: segments, episodes
-- grain: run_id
-- groups: runs
-- needs: episode_ledger
-- requires: segments.end_step, segments.open_episode_steps, episodes.length
-- diagnosis: run {run_id} did {end_step} agent steps; its {episodes} finished episodes took
--     {finished_steps} and those under way {open_steps}, which leaves {unaccounted} steps that
--     {problem}
-- why: every agent step is a step of one episode. Steps too many mean that an episode is logged
--     twice or not reset; steps too few that one was dropped, or that steps after an end count.
-- assumes: a run that was resumed may have given up the episodes that were under way at the
--     checkpoint, so of such a run only steps too many are judged. Not judged: a run whose recorder
--     says that it dropped rows.
-- after: duplicate_episodes, episodes_overlap, evaluation_logged_as_training, wrong_episode_length
-- cites: conservation of steps; allenai/tango#152, wandb/wandb#6728

WITH last AS (
    SELECT
        run_id,
        arg_max(end_step, ordinal) AS end_step,
        arg_max(open_episode_steps, ordinal) AS open_steps,
        min(start_step) AS start_step,
        bool_or(resumed_from IS NOT NULL OR ordinal > 0) AS is_resumed
    FROM segments
    GROUP BY run_id
),
finished AS (
    SELECT run_id, count(*) AS episodes, sum(length)::BIGINT AS finished_steps
    FROM shared.episode_ledger
    WHERE is_finished AND NOT is_lossy
    GROUP BY run_id
)
SELECT
    l.run_id,
    l.end_step,
    f.episodes,
    f.finished_steps,
    l.open_steps,
    abs(l.end_step - f.finished_steps - l.open_steps) AS unaccounted,
    CASE
        WHEN f.finished_steps + l.open_steps > l.end_step THEN 'were not taken'
        ELSE 'belong to no episode'
    END AS problem
FROM last AS l
JOIN finished AS f USING (run_id)
WHERE l.start_step = 0
    AND l.open_steps IS NOT NULL
    AND if(
        l.is_resumed,
        f.finished_steps + l.open_steps > l.end_step,
        f.finished_steps + l.open_steps <> l.end_step
    )

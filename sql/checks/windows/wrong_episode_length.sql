-- name: wrong_episode_length
-- title: Episodes whose length is not the steps between their start and their end
-- severity: error
-- reads: episodes
-- grain: run_id, episode_id
-- groups: episodes
-- needs: window_settings, episode_ledger
-- requires: config.num_envs, episodes.length, episodes.start_step, episodes.end_step
-- diagnosis: episode {episode_id} of run {run_id} has a length of {length} steps from agent step
--     {start_step} to {end_step}: {problem}; {found} episodes are wrong
-- why: lengths and steps count the same thing twice. Where they differ, steps were skipped, counted
--     twice or taken after the end, and returns of different runs cannot be compared by step.
-- assumes: parallel environments are stepped in turn, so that an episode of one takes every
--     num_envs-th agent step. Not judged: episodes that a resume cut in two.
-- cites: conservation of steps; allenai/tango#152 (steps counted again after a resume)

SELECT
    l.run_id,
    l.episode_id,
    l.length,
    l.start_step,
    l.end_step,
    CASE
        WHEN l.length > s.max_episode_steps
            THEN format('the environment allows {}', s.max_episode_steps)
        ELSE format(
            'with {} environments that is {:g} steps each',
            s.num_envs,
            (l.end_step - l.start_step) / s.num_envs + 1
        )
    END AS problem
FROM shared.episode_ledger AS l
JOIN shared.window_settings AS s USING (run_id)
WHERE l.is_finished
    AND l.is_whole
    AND (
        l.end_step - l.start_step <> (l.length - 1)::BIGINT * s.num_envs
        OR l.length > s.max_episode_steps
        OR l.length < 1
    )

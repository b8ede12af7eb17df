-- name: steps_beyond_episode
-- title: Steps that are stored after their episode's end
-- severity: error
-- reads: episodes, transitions
-- grain: run_id, episode_id
-- groups: episodes
-- needs: window_settings, episode_ledger
-- requires: episodes.length, transitions.episode_id, transitions.episode_step
-- diagnosis: step {last_stored} of episode {episode_id} of run {run_id} is stored, and the episode
--     had {length} steps, 0 to {last_step}{limit}; {found} episodes go on after their end, as they
--     do where the step in which an environment resets itself is stored as a real one
-- why: a step after the end acts on a game that is over. Its successor is the next game's start.
-- cites: vwxyzjn/cleanrl#499 (next-step autoreset)

SELECT
    l.run_id,
    l.episode_id,
    l.length,
    l.length - 1 AS last_step,
    l.last_stored,
    CASE
        WHEN l.length > s.max_episode_steps THEN format(' (the limit is {})', s.max_episode_steps)
        ELSE ''
    END AS limit
FROM shared.episode_ledger AS l
LEFT JOIN shared.window_settings AS s USING (run_id)
WHERE l.is_finished AND l.last_stored >= l.length

-- name: lost_life_not_terminal
-- title: Lost lives that are not stored as ends though the config says so
-- severity: error
-- reads: transitions, episodes
-- grain: run_id, episode_id
-- groups: episodes = episodes
-- needs: window_settings, episode_ledger, ending_windows
-- requires: config.terminal_on_life_loss = true, transitions.terminated, episodes.lives_lost
-- diagnosis: episode {episode_id} of run {run_id} lost {lives_lost} lives and has {terminals}
--     terminations, where terminal_on_life_loss makes each lost life one; {found} episodes lack
--     some
-- why: the flag is ignored, in part or altogether, so the run is not the one that its config
--     describes and its results belong to another.
-- assumes: two lives that are lost in one agent step count as one; an episode may lack the
--     termination of its last life alone, where that life ends with a limit.
-- cites: chainer/chainerrl#567, #465 (flags that are ignored)

SELECT
    l.run_id,
    l.episode_id,
    l.lives_lost,
    count(DISTINCT w.end_episode_step) FILTER (w.terminated) AS terminals
FROM shared.episode_ledger AS l
JOIN shared.window_settings AS s USING (run_id)
LEFT JOIN shared.ending_windows AS w USING (run_id, episode_id)
WHERE l.is_finished
    AND l.is_whole
    AND NOT l.is_lossy
    AND l.stored > 0
    AND s.lives_are_ends
    AND l.lives_lost > 0
GROUP BY l.run_id, l.episode_id, l.lives_lost
HAVING terminals < l.lives_lost - 1 OR terminals = 0

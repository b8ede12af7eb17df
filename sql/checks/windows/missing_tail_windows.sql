-- name: missing_tail_windows
-- title: Episodes whose last steps have no window of their own
-- severity: warning
-- reads: episodes, transitions
-- grain: run_id
-- groups: runs
-- needs: window_settings, episode_ledger
-- requires: config.n_step, episodes.length, transitions.episode_id, transitions.episode_step
-- diagnosis: in run {run_id} the last steps of {episodes} of {finished} finished episodes are not
--     stored (the last {missing} of episode {example_id}): with n = {n_step}, the windows that are
--     open when an episode ends are dropped and not cut short
-- why: the actions just before an end, which decide it, are never learned from. Some replays leave
--     these windows out on purpose; it is still a loss of n - 1 transitions an episode.
-- threshold: more than half of the finished episodes lack their last k steps, with k < n, and have
--     all before them. Fewer are no habit of the replay and a finding of missing_steps.
-- after: wrong_episode_length
-- cites: Sutton and Barto 2018, eq. 7.1 (windows are cut at the episode's end)

SELECT
    l.run_id,
    s.n_step,
    count(*) FILTER (l.lacks_tail) AS episodes,
    count(*) AS finished,
    arg_min(l.length - 1 - l.last_stored, l.episode_id) FILTER (l.lacks_tail) AS missing,
    min(l.episode_id) FILTER (l.lacks_tail) AS example_id
FROM shared.episode_ledger AS l
JOIN shared.window_settings AS s USING (run_id)
WHERE l.is_finished AND l.is_whole AND NOT l.is_lossy AND l.drops_tails
GROUP BY l.run_id, s.n_step

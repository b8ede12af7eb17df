-- name: truncation_as_termination
-- title: Truncated episodes whose last windows are terminated
-- severity: error
-- reads: transitions, episodes
-- grain: run_id, transition_id
-- groups: transitions
-- needs: window_settings, episode_ledger, ending_windows
-- requires: transitions.terminated, episodes.terminated, episodes.truncated
-- diagnosis: transition {transition_id} of run {run_id} is terminated at step {end_episode_step}
--     of episode {episode_id}, which a limit truncated there and which did not terminate; {found}
--     windows of truncated episodes bootstrap nothing
-- why: a limit is no property of the game. Learned as a termination, it makes the value of good
--     play fall to 0 wherever the limit can strike, and the better the agent the more often.
-- assumes: where lost lives are learned from as ends, a life may be lost in the very step that is
--     truncated; such episodes are not judged.
-- cites: DLR-RM/stable-baselines3#284, flashbax#3; Pardo et al. 2018 (time limits)

SELECT
    e.run_id,
    e.transition_id,
    e.episode_id,
    e.end_episode_step,
    e.length
FROM shared.ending_windows AS e
LEFT JOIN shared.window_settings AS s USING (run_id)
WHERE e.at_end
    AND e.terminated
    AND e.episode_truncated
    AND NOT e.episode_terminated
    AND (s.lives_are_ends AND e.lives_lost > 0) IS NOT TRUE

-- name: ending_windows
-- title: Windows that say an episode ends, or that reach the end of theirs
-- reads: transitions, episodes
-- needs: episode_ledger

-- A few rows an episode. Windows that join two episodes are left out. at_end: the window ends at or
-- past the last state of its episode, which is known only of a finished one.
SELECT
    t.run_id,
    t.transition_id,
    t.env_index,
    t.episode_id,
    t.episode_step,
    t.end_episode_step,
    t.n_rewards,
    t.discount,
    t.terminated,
    t.truncated,
    t.next_obs_hash,
    (t.end_episode_step >= e.length) IS TRUE AS at_end,
    coalesce(e.is_finished, false) AS is_finished,
    e.length,
    e.terminated AS episode_terminated,
    e.truncated AS episode_truncated,
    e.lives_lost,
    e.last_stored,
    e.next_episode_id,
    e.next_first_obs_hash
FROM transitions AS t
LEFT JOIN shared.episode_ledger AS e USING (run_id, episode_id)
WHERE (t.terminated OR t.truncated OR t.end_episode_step >= e.length)
    AND (t.end_episode_id <> t.episode_id) IS NOT TRUE

-- name: window_across_episodes
-- title: n-step windows that join two episodes
-- severity: error
-- reads: transitions
-- grain: run_id, transition_id
-- groups: transitions
-- needs: episode_ledger
-- requires: transitions.episode_id, transitions.end_episode_id
-- diagnosis: the window of transition {transition_id} of run {run_id} begins at step
--     {episode_step} of episode {episode_id} and ends at step {end_episode_step} of episode
--     {end_episode_id}: {problem}; {found} windows do so
-- why: the return of such a window adds rewards of another game and bootstraps from a state that
--     the action never led to. Every end of an episode is learned wrong, n times.
-- incremental: transition_id
-- cites: BY571/DQN-Atari-Agents#8 (windows not cleared at an end), vwxyzjn/cleanrl (rainbow joins
--     episodes at a truncation), vwxyzjn/cleanrl#499 (the step that resets stored as real)

-- Windows whose ends are of two environments are a finding of window_across_environments.
SELECT
    t.run_id,
    t.transition_id,
    t.episode_id,
    t.episode_step,
    t.end_episode_id,
    t.end_episode_step,
    t.n_rewards,
    CASE
        WHEN t.n_rewards = 1 AND t.end_episode_step = 0
            THEN 'the step that resets the environment is stored as a real one'
        WHEN e.truncated AND NOT e.terminated
            THEN format(
                'the first ended by truncation after {} steps and its windows were not cut there',
                e.length
            )
        WHEN e.is_finished
            THEN format('the first ended after {} steps and its windows were not cut', e.length)
        ELSE 'no window may join two'
    END AS problem
FROM transitions AS t
LEFT JOIN shared.episode_ledger AS e USING (run_id, episode_id)
WHERE t.end_episode_id <> t.episode_id AND (t.end_env_index <> t.env_index) IS NOT TRUE

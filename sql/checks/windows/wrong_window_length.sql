-- name: wrong_window_length
-- title: Windows whose number of rewards is not what n and their ends say
-- severity: error
-- reads: transitions
-- grain: run_id, transition_id
-- groups: transitions
-- needs: window_settings, episode_ledger
-- requires: config.n_step, transitions.n_rewards
-- diagnosis: the window of transition {transition_id} of run {run_id}, steps {episode_step} to
--     {end_episode_step} of episode {episode_id}, sums {n_rewards} rewards {problem}; {found}
--     windows are wrong
-- why: a target is right only if the rewards that are summed, the power of gamma and the state
--     that is bootstrapped from belong to the same number of steps.
-- assumes: a window ends early only where its episode does: at a termination, a truncation, or a
--     lost life that is learned from as an end. The last windows of an episode that is under way
--     may be short, as a trainer leaves them that stores what it has when it stops.
-- cites: Sutton and Barto 2018, eq. 7.1 (the n-step return is cut at the episode's end); Hessel et
--     al. 2018, "Multi-step learning"

WITH suspects AS (
    SELECT
        t.run_id,
        t.transition_id,
        t.episode_id,
        t.episode_step,
        t.end_episode_step,
        t.n_rewards,
        s.n_step,
        s.forms_windows_when_sampling
    FROM transitions AS t
    JOIN shared.window_settings AS s USING (run_id)
    WHERE (t.n_rewards BETWEEN 1 AND s.n_step) IS FALSE
        OR (t.n_rewards < s.n_step AND (t.terminated OR t.truncated) IS NOT TRUE)
        OR (
            t.end_episode_step - t.episode_step <> t.n_rewards
            AND t.end_episode_id = t.episode_id
            AND (t.end_env_index <> t.env_index) IS NOT TRUE
        )
)
SELECT
    s.run_id,
    s.transition_id,
    s.episode_id,
    s.episode_step,
    s.end_episode_step,
    s.n_rewards,
    s.n_step,
    CASE
        WHEN s.n_rewards < 1 THEN 'and a window has at least one'
        WHEN s.n_rewards > s.n_step AND s.forms_windows_when_sampling
            THEN 'where the config says that windows are formed when they are sampled'
        WHEN s.n_rewards > s.n_step THEN format('where the config says n = {}', s.n_step)
        WHEN s.end_episode_step - s.episode_step <> s.n_rewards
            THEN format('over ends that are {} steps apart', s.end_episode_step - s.episode_step)
        ELSE format('of n = {} though it reaches no end of the episode', s.n_step)
    END AS problem
FROM suspects AS s
LEFT JOIN shared.episode_ledger AS e USING (run_id, episode_id)
WHERE (s.n_rewards BETWEEN 1 AND s.n_step) IS FALSE
    OR s.end_episode_step - s.episode_step <> s.n_rewards
    OR (s.end_episode_step = if(e.is_finished, e.length, e.last_stored + 1)) IS NOT TRUE

-- name: window_across_environments
-- title: n-step windows that join two environments
-- severity: error
-- reads: transitions
-- grain: run_id, transition_id
-- groups: transitions
-- requires: transitions.env_index, transitions.end_env_index
-- diagnosis: the window of transition {transition_id} of run {run_id} begins in environment
--     {env_index} (episode {episode_id}, step {episode_step}) and ends in environment
--     {end_env_index} (episode {end_episode_id}, step {end_episode_step}); the environments share
--     one queue of open windows, and {found} windows are mixed
-- why: with parallel environments each needs open windows of its own. Summed over the order of
--     arrival, a return belongs to no game, and the state bootstrapped from is another game's.
-- incremental: transition_id
-- cites: chainer/chainerrl#442 (one window over all environments)

SELECT
    run_id,
    transition_id,
    env_index,
    episode_id,
    episode_step,
    end_env_index,
    end_episode_id,
    end_episode_step
FROM transitions
WHERE end_env_index <> env_index

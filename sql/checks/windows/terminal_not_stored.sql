-- name: terminal_not_stored
-- title: Windows that bootstrap past a termination
-- severity: error
-- reads: transitions, episodes
-- grain: run_id, transition_id
-- groups: transitions
-- needs: episode_ledger, ending_windows
-- requires: transitions.terminated, transitions.end_episode_step, episodes.terminated,
--     episodes.length
-- diagnosis: transition {transition_id} of run {run_id} ends at step {end_episode_step} of episode
--     {episode_id}, where the game terminated, and is not terminated itself; {found} windows
--     bootstrap from a state after the end
-- why: the value of a state after the end is made up by the network, and every value before it is
--     built on that.
-- cites: Sutton and Barto 2018, section 3.4 (a terminal state has the value 0)

SELECT
    run_id,
    transition_id,
    episode_id,
    end_episode_step,
    length
FROM shared.ending_windows
WHERE at_end AND episode_terminated AND terminated IS FALSE

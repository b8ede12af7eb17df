-- name: terminal_inside_episode
-- title: Terminations that are stored while their episode goes on
-- severity: error
-- reads: transitions
-- grain: run_id, episode_id
-- groups: episodes = episodes
-- needs: window_settings, episode_ledger, ending_windows
-- requires: transitions.terminated, transitions.end_episode_step
-- diagnosis: {terminals} of the {steps} stored steps of episode {episode_id} of run {run_id} are
--     stored as terminations (step {first_terminal} is the first, {windows} windows end there or
--     at the others) and the episode goes on: {problem}
-- why: a termination says that no reward follows. An extra one teaches the opposite of what the
--     game just showed.
-- assumes: an episode goes on where later steps of it are stored. With terminal_on_life_loss an episode has at most one termination for each life lost.
-- cites: google/dopamine#228, Shmuma/ptan#25 (terminals that are stored twice or too early)

WITH inside AS (
    SELECT
        run_id,
        episode_id,
        any_value(lives_lost) AS lives_lost,
        any_value(last_stored) + 1 AS steps,
        count(DISTINCT end_episode_step) AS terminals,
        count(*) AS windows,
        min(end_episode_step) AS first_terminal
    FROM shared.ending_windows
    WHERE terminated AND end_episode_step <= last_stored
    GROUP BY run_id, episode_id
)
SELECT
    i.run_id,
    i.episode_id,
    i.lives_lost,
    i.steps,
    i.terminals,
    i.windows,
    i.first_terminal,
    CASE
        WHEN coalesce(s.lives_are_ends, false)
            THEN format('it lost {} lives', i.lives_lost)
        WHEN i.terminals IN (i.lives_lost, i.lives_lost - 1)
            THEN 'each lost life is learned from as an end, and the config says otherwise'
        ELSE 'nothing ended there'
    END AS problem
FROM inside AS i
LEFT JOIN shared.window_settings AS s USING (run_id)
WHERE (s.lives_are_ends IS TRUE AND coalesce(i.terminals <= i.lives_lost, true)) IS NOT TRUE

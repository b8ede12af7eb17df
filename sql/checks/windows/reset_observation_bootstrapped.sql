-- name: reset_observation_bootstrapped
-- title: Truncated episodes that bootstrap from the next episode's first observation
-- severity: error
-- reads: transitions, episodes
-- grain: run_id
-- groups: runs
-- needs: episode_ledger, ending_windows
-- requires: transitions.next_obs_hash, episodes.first_obs_hash
-- params: alpha DOUBLE = 6.7e-4 from 0 to 1
-- diagnosis: in run {run_id}, {matches} of {ends} episodes that ended without termination
--     bootstrap from the observation that the next episode begins with (episode {example_id} is
--     the first), where chance explains {expected}; the environment was reset before its last
--     observation was stored
-- why: at a truncation the value of the last state is bootstrapped. With the reset observation in
--     its place every long episode learns that it continues at a start.
-- threshold: the Poisson bound exp(-(m ln(m / e) - m + e)) on m matches at most alpha, where e is
--     the number of matches between the same ends and starts in random order. With starts that
--     never repeat and an end that always matches, 7 ends are the fewest that are flagged.
-- false_alarms: at most alpha. Matches between last and first observations in random order are sums
--     of weakly dependent indicators, for which the bound is an upper one at these sizes.
-- assumes: an episode's start does not depend on how the one before it ended. Where all episodes
--     begin alike, the check has no power. The successor of a terminated window is not judged,
--     because its value is not used.
-- cites: flashbax#3, DLR-RM/stable-baselines3#284 (the successor at a truncation is the reset
--     observation)

WITH ends AS (
    SELECT
        run_id,
        episode_id,
        any_value(next_obs_hash) AS last_obs,
        any_value(next_first_obs_hash) AS next_obs
    FROM shared.ending_windows
    WHERE at_end
        AND terminated IS NOT TRUE
        AND next_obs_hash IS NOT NULL
        AND next_first_obs_hash IS NOT NULL
    GROUP BY run_id, episode_id
),
counted AS (
    SELECT
        run_id,
        count(*) AS ends,
        count(*) FILTER (last_obs = next_obs) AS matches,
        min(episode_id) FILTER (last_obs = next_obs) AS example_id
    FROM ends
    GROUP BY run_id
),
pairs AS (
    SELECT run_id, sum(l.n * f.n) AS pairs
    FROM (SELECT run_id, last_obs AS obs, count(*) AS n FROM ends GROUP BY ALL) AS l
    JOIN (SELECT run_id, next_obs AS obs, count(*) AS n FROM ends GROUP BY ALL) AS f
        USING (run_id, obs)
    GROUP BY run_id
)
SELECT
    run_id,
    ends,
    matches,
    pairs / ends AS expected,
    exp(-(matches * ln(matches / expected) - matches + expected)) AS chance,
    example_id
FROM counted
JOIN pairs USING (run_id)
WHERE matches > expected AND chance <= getvariable('alpha')

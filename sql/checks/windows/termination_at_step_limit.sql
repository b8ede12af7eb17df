-- name: termination_at_step_limit
-- title: Terminations that pile up at the environment's step limit
-- severity: warning
-- reads: episodes
-- grain: run_id
-- groups: runs
-- needs: window_settings
-- requires: config.max_episode_steps, episodes.length, episodes.terminated
-- params: alpha DOUBLE = 6.7e-4 from 0 to 1
-- diagnosis: {at_limit} episodes of run {run_id} terminate exactly at the limit of
--     {max_episode_steps} steps (episode {example_id} is the first), {before} in the nine steps
--     before it, and not one episode is truncated; the limit is taken for an end of the game
-- why: a limit is no property of the game. Learned as a termination, it makes the value of good
--     play fall to 0 wherever the limit can strike.
-- threshold: exp(-n KL(at_limit / n, 1/10)) at most alpha, the Chernoff bound on a binomial of n
--     terminations in the last ten steps of which a tenth fall into the last. Four at the limit
--     and none before are the fewest that are flagged.
-- false_alarms: at most alpha, if terminations are no likelier in the last step than in the nine
--     before it.
-- assumes: the game itself does not end at its limit. One that does (a fixed horizon that is part
--     of the task) has no limit and should state max_episode_steps 0; who learns from the limit as
--     from an end on purpose states time_limit_is_terminal.
-- cites: DLR-RM/stable-baselines3#284; flashbax#3; Pardo et al. 2018 (time limits)

WITH counted AS (
    SELECT
        e.run_id,
        s.max_episode_steps,
        count(*) FILTER (e.length = s.max_episode_steps) AS at_limit,
        count(*) FILTER (e.length < s.max_episode_steps) AS before,
        at_limit + before AS n,
        min(e.episode_id) FILTER (e.length = s.max_episode_steps) AS example_id
    FROM episodes AS e
    JOIN shared.window_settings AS s USING (run_id)
    WHERE (e.phase = 'eval') IS NOT TRUE
        AND NOT s.limit_is_terminal
        AND e.terminated
        AND e.length BETWEEN s.max_episode_steps - 9 AND s.max_episode_steps
    GROUP BY e.run_id, s.max_episode_steps
)
SELECT
    c.run_id,
    c.max_episode_steps,
    c.at_limit,
    c.before,
    c.example_id,
    exp(-(
        c.at_limit * ln(c.at_limit / c.n / 0.1)
        + if(c.before = 0, 0, c.before * ln(c.before / c.n / 0.9))
    )) AS chance
FROM counted AS c
ANTI JOIN (SELECT DISTINCT run_id FROM episodes WHERE truncated) AS cut USING (run_id)
WHERE c.max_episode_steps > 10
    AND c.at_limit > 0.1 * c.n
    AND chance <= getvariable('alpha')

-- name: wrong_reward_sum
-- title: n-step returns that are not the discounted sum of their window's rewards
-- severity: error
-- reads: transitions
-- grain: run_id, transition_id
-- groups: transitions
-- needs: window_settings, episode_ledger
-- requires: config.gamma, config.n_step, transitions.reward_clipped, transitions.reward_sum,
--     transitions.n_rewards, transitions.episode_step, transitions.end_episode_id
-- diagnosis: transition {transition_id} of run {run_id} (episode {episode_id}, step
--     {episode_step}) has the return {reward_sum} over {n_rewards} rewards, whose discounted sum
--     is {expected}: {problem}; {found} returns are wrong
-- why: the n-step return is the target's larger part. A reward too few, too many or from another
--     game is learned as if the environment had given it.
-- threshold: (2 n + 4) 2^-24 times the discounted sum of the absolute rewards: n products and n
--     sums in float32 and the rounding of the logged rewards to float32. 0 where all rewards are 0.
-- assumes: rewards are clipped one by one and then summed. Each stored transition shows the reward
--     of its window's first step, so a window is judged where all steps of its episode up to its
--     end are stored, once each.
-- cites: Sutton and Barto 2018, eq. 7.1; CleanRL's rainbow on truncation; BY571/DQN-Atari-Agents#8

-- A reward other than 0 goes to the up to n windows that contain it, so games with few rewards
-- cost little: 0.1 s on 1.5M transitions with 5% rewards and n = 3. Only the windows that are
-- wrong are then compared with known mistakes.
WITH short AS (
    SELECT t.run_id, t.episode_id, t.episode_step, t.n_rewards
    FROM transitions AS t
    JOIN shared.window_settings AS s USING (run_id)
    WHERE t.n_rewards < s.n_step
),
rewards AS (
    SELECT t.run_id, t.episode_id, t.episode_step, t.reward_clipped::DOUBLE AS reward
    FROM transitions AS t
    WHERE t.reward_clipped <> 0
),
powers AS (
    SELECT unnest(range((SELECT max(n_step) FROM shared.window_settings))) AS i
),
predicted AS (
    SELECT
        r.run_id,
        r.episode_id,
        r.episode_step - i.i AS episode_step,
        sum(pow(s.gamma, i.i) * r.reward) AS expected,
        sum(pow(s.gamma, i.i) * abs(r.reward)) AS magnitude
    FROM rewards AS r
    JOIN shared.window_settings AS s USING (run_id)
    JOIN powers AS i ON i.i < s.n_step
    LEFT JOIN short
        ON short.run_id = r.run_id
        AND short.episode_id = r.episode_id
        AND short.episode_step = r.episode_step - i.i
    WHERE i.i <= r.episode_step AND (i.i >= short.n_rewards) IS NOT TRUE
    GROUP BY ALL
),
wrong AS MATERIALIZED (
    SELECT
        t.run_id,
        t.transition_id,
        t.episode_id,
        t.episode_step,
        t.n_rewards,
        t.reward_sum,
        coalesce(p.expected, 0) AS expected,
        (2 * t.n_rewards + 4) * pow(2, -24) * coalesce(p.magnitude, 0) AS tolerance
    FROM transitions AS t
    LEFT JOIN predicted AS p USING (run_id, episode_id, episode_step)
    WHERE t.end_episode_id = t.episode_id
        AND (t.end_env_index <> t.env_index) IS NOT TRUE
        AND t.n_rewards >= 1
        AND t.reward_sum IS NOT NULL
        AND (abs(t.reward_sum - coalesce(p.expected, 0)) <= tolerance AND NOT isnan(t.reward_sum))
            IS NOT TRUE
),
judged AS MATERIALIZED (
    SELECT w.*, e.next_episode_id, s.gamma, s.n_step
    FROM wrong AS w
    JOIN shared.episode_ledger AS e USING (run_id, episode_id)
    JOIN shared.window_settings AS s USING (run_id)
    WHERE e.is_gapless
        AND w.episode_step + w.n_rewards <= e.last_stored + 1
        AND w.n_rewards <= s.n_step
),
near AS (
    SELECT
        j.run_id,
        j.transition_id,
        sum(t.reward_clipped::DOUBLE) FILTER (t.episode_step < j.episode_step + j.n_rewards)
            AS undiscounted,
        sum(pow(j.gamma, t.episode_step - j.episode_step) * t.reward_clipped) AS with_next,
        any_value(t.reward_clipped::DOUBLE) FILTER (t.episode_step = j.episode_step) AS first,
        any_value(t.reward_clipped::DOUBLE) FILTER (
            t.episode_step = j.episode_step + j.n_rewards - 1
        ) AS last
    FROM judged AS j
    JOIN transitions AS t
        ON t.run_id = j.run_id
        AND t.episode_id = j.episode_id
        AND t.episode_step BETWEEN j.episode_step AND j.episode_step + j.n_rewards
    GROUP BY ALL
),
beyond AS (
    SELECT
        j.run_id,
        j.transition_id,
        sum(pow(j.gamma, j.n_rewards + t.episode_step) * t.reward_clipped) AS of_next_episode
    FROM judged AS j
    JOIN transitions AS t
        ON t.run_id = j.run_id
        AND t.episode_id = j.next_episode_id
        AND t.episode_step < j.n_step - j.n_rewards
    WHERE j.n_rewards < j.n_step
    GROUP BY ALL
)
SELECT
    j.run_id,
    j.transition_id,
    j.episode_id,
    j.episode_step,
    j.n_rewards,
    j.reward_sum,
    j.expected,
    j.tolerance,
    CASE
        WHEN isnan(j.reward_sum) THEN 'it is not a number'
        WHEN abs(j.reward_sum - n.undiscounted) <= j.tolerance THEN 'it is their undiscounted sum'
        WHEN abs(j.reward_sum - j.expected - b.of_next_episode) <= 2 * j.tolerance
            THEN 'it goes on with the rewards of the next episode'
        WHEN abs(j.reward_sum - (j.expected - pow(j.gamma, j.n_rewards - 1) * n.last))
            <= j.tolerance THEN 'the last reward is missing'
        WHEN abs(j.reward_sum - (j.expected - n.first)) <= j.tolerance
            THEN 'the first reward is missing'
        WHEN abs(j.reward_sum - (j.expected - n.first) / nullif(j.gamma, 0)) <= j.tolerance
            THEN 'the first reward is missing and the others are discounted once too little'
        WHEN abs(j.reward_sum - n.with_next) <= 2 * j.tolerance
            THEN 'it has the reward of the step after the window as well'
        WHEN abs(j.reward_sum - j.gamma * j.expected) <= j.tolerance
            THEN 'each reward is discounted once too often'
        WHEN abs(j.reward_sum - n.first) <= j.tolerance THEN 'it is the first reward alone'
        ELSE 'it is no such sum'
    END AS problem
FROM judged AS j
LEFT JOIN near AS n USING (run_id, transition_id)
LEFT JOIN beyond AS b USING (run_id, transition_id)

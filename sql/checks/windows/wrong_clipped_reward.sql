-- name: wrong_clipped_reward
-- title: Rewards to learn from that are not the environment's, clipped as the config says
-- severity: error
-- reads: transitions
-- grain: run_id, transition_id
-- groups: transitions
-- needs: window_settings
-- requires: config.reward_clip, transitions.reward_raw, transitions.reward_clipped
-- diagnosis: at transition {transition_id} of run {run_id} the environment gave {reward_raw} and
--     {reward_clipped} is learned from, where reward_clip {reward_clip} makes it {expected};
--     {problem}; {found} rewards are wrong
-- why: the reward is the only thing that the agent is told about the task. In a type that cannot
--     hold it, a loss of 1 becomes a gain of 255.
-- assumes: rewards are clipped to [-X, X] and not reduced to their sign, which is the same for
--     whole numbers and X = 1.
-- threshold: exact. Clipping picks one of three numbers and makes none, and rounding to float32
--     keeps their order.
-- incremental: transition_id
-- cites: y-kamiya/DQN-Atari (rewards stored in uint8); Mnih et al. 2015, methods (rewards clipped
--     to [-1, 1])

SELECT
    t.run_id,
    t.transition_id,
    t.reward_raw,
    t.reward_clipped,
    s.reward_clip,
    CASE
        WHEN s.reward_clip = 0 THEN t.reward_raw
        ELSE greatest(-s.reward_clip, least(s.reward_clip, t.reward_raw))
    END AS expected,
    CASE
        WHEN isnan(t.reward_clipped) THEN 'it is not a number'
        WHEN expected < 0 AND t.reward_clipped = expected + 256
            THEN 'that is what an unsigned byte makes of it'
        WHEN t.reward_clipped = t.reward_raw THEN 'it is not clipped'
        WHEN t.reward_clipped = -expected THEN 'its sign is lost'
        WHEN t.reward_clipped = sign(t.reward_raw) THEN 'that is its sign alone'
        WHEN t.reward_clipped = trunc(expected) THEN 'it was cut to a whole number'
        WHEN t.reward_clipped = 0 THEN 'it is lost'
        ELSE 'that is another figure'
    END AS problem
FROM transitions AS t
JOIN shared.window_settings AS s USING (run_id)
WHERE t.reward_raw IS NOT NULL
    AND t.reward_clipped IS NOT NULL
    AND NOT isnan(t.reward_raw)
    AND t.reward_clipped <> expected

-- name: clipped_return_wrong
-- title: Clipped returns fit the clip range
-- severity: error
-- reads: episodes
-- grain: run_id, episode_id
-- groups: episodes
-- needs: run_settings
-- requires: config.reward_clip, episodes.return_clipped, episodes.return_raw
-- diagnosis: episode {episode_id} of run {run_id} has a clipped return of {return_clipped} (raw
--     {return_raw}) over {length} steps, where rewards are {rule}
-- why: the agent learns from rewards of another size than its config says, and the support of its
--     values is chosen for the wrong range.
-- threshold: float32 sums of 10,000 rewards are within 10,000 u = 6e-4 of the sum of their sizes, so
--     0.1% of it is allowed
-- incremental: episode_id
-- false_alarms: none; a bound that rounding cannot reach
-- assumes: rewards are clipped one by one, and steps are not skipped
-- cites: Mnih et al. 2015, methods (rewards clipped to [-1, 1]); y-kamiya (uint8 rewards)

SELECT
    e.run_id,
    e.episode_id,
    e.length,
    e.return_raw,
    e.return_clipped,
    if(
        s.clip = 0,
        'not clipped, so that both returns agree',
        'clipped to [-' || s.clip || ', ' || s.clip || '], ' || s.clip * e.length || ' at most'
    ) AS rule
FROM episodes AS e
JOIN (
    SELECT run_id, (config ->> '$.reward_clip')::DOUBLE AS clip
    FROM shared.run_settings
) AS s USING (run_id)
WHERE isfinite(e.return_raw) AND isfinite(e.return_clipped) AND (
    (s.clip > 0 AND abs(e.return_clipped) > 1.001 * s.clip * e.length)
    OR (s.clip = 0
        AND abs(e.return_clipped - e.return_raw)
            > 0.001 * greatest(abs(e.return_raw), abs(e.return_clipped), e.length))
)

-- name: wrong_episode_return
-- title: Episodes whose return is not the sum of their stored rewards
-- severity: error
-- reads: episodes, transitions
-- grain: run_id, episode_id
-- groups: episodes
-- needs: episode_ledger
-- requires: episodes.length, transitions.episode_id, transitions.episode_step
-- diagnosis: episode {episode_id} of run {run_id} reports a {kind} return of {reported}, and its
--     {length} stored rewards sum to {stored_sum}; {found} returns differ
-- why: what is reported and what is learned from are then two different games.
-- threshold: (length + 2) 2^-24 times the sum of the absolute rewards: a running sum in float32,
--     and the logged rewards' rounding to float32. 0 where all rewards are 0.
-- assumes: only episodes that are stored whole, each step once, are judged.
-- after: wrong_clipped_reward
-- cites: conservation of rewards; y-kamiya/DQN-Atari (rewards stored in uint8)

WITH whole AS (
    FROM shared.episode_ledger
    WHERE is_finished AND is_gapless AND stored = length
),
sums AS (
    SELECT
        run_id,
        episode_id,
        length,
        'raw' AS kind,
        return_raw AS reported,
        sum_raw AS stored_sum,
        sum_abs_raw AS magnitude
    FROM whole
    WHERE rewards_raw = length
    UNION ALL
    SELECT
        run_id,
        episode_id,
        length,
        'clipped',
        return_clipped,
        sum_clipped,
        sum_abs_clipped
    FROM whole
    WHERE rewards_clipped = length
)
SELECT
    run_id,
    episode_id,
    kind,
    length,
    reported,
    stored_sum,
    (length + 2) * pow(2, -24) * magnitude AS tolerance
FROM sums
WHERE reported IS NOT NULL
    AND (abs(reported - stored_sum) <= tolerance AND NOT isnan(reported)) IS NOT TRUE

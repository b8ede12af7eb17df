-- name: noise_in_evaluation
-- title: Evaluation acts without noise
-- severity: error
-- reads: episodes
-- grain: run_id, episode_id
-- groups: episodes
-- requires: episodes.noise_draws, config.noisy = factorised | independent
-- diagnosis: evaluation episode {episode_id} of run {run_id} acted under {noise_draws} noise draws
--     (agent step {end_step}, return {return_raw}); {found} evaluation episodes have noise, which
--     evaluation turns off
-- why: the return of a noisy policy is not that of the policy that was learned, and its curve
--     cannot be compared with others.
-- incremental: episode_id
-- false_alarms: none; the count is exact
-- cites: IntelLabs/coach#368

SELECT run_id, episode_id, env_index, noise_draws, length, return_raw, end_step
FROM episodes
WHERE phase = 'eval' AND noise_draws > 0

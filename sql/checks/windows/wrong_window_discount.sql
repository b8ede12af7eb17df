-- name: wrong_window_discount
-- title: Discounts that are not gamma to the number of rewards
-- severity: error
-- reads: transitions
-- grain: run_id, transition_id
-- groups: transitions
-- needs: window_settings
-- requires: config.gamma, transitions.discount, transitions.n_rewards
-- diagnosis: transition {transition_id} of run {run_id} sums {n_rewards} rewards and has the
--     discount {discount}, where gamma^{n_rewards} is {expected} with gamma = {gamma}: {problem};
--     {found} discounts are wrong
-- why: the discount multiplies the value that is bootstrapped. A power too high or too low scales
--     every value that is learned, by gamma or more at each bootstrap.
-- threshold: (2 n + 4) 2^-24, relative: gamma and each of n products in float32, and the log's own
--     rounding. Powers of gamma that differ by one are 1 - gamma apart, 1e-3 or more in practice.
-- assumes: a terminated window may have the discount 0 instead, as dm_env writes it, because
--     nothing is bootstrapped there.
-- incremental: transition_id
-- cites: Hessel et al. 2018, "Multi-step learning"; CleanRL's rainbow on truncation (gamma^n for a
--     window of fewer rewards)

SELECT
    t.run_id,
    t.transition_id,
    t.n_rewards,
    t.discount,
    t.terminated,
    s.gamma,
    pow(s.gamma, t.n_rewards) AS expected,
    (2 * t.n_rewards + 4) * pow(2, -24) AS tolerance,
    CASE
        WHEN isnan(t.discount) THEN 'it is not a number'
        WHEN abs(t.discount - 1) <= tolerance THEN 'it does not discount at all'
        WHEN abs(t.discount / pow(s.gamma, s.n_step) - 1) <= tolerance
            THEN format('it is gamma^{}, as if the window had all n rewards', s.n_step)
        WHEN abs(t.discount / s.gamma - 1) <= tolerance THEN 'it is gamma, as for one step'
        WHEN abs(t.discount / pow(s.gamma, t.n_rewards - 1) - 1) <= tolerance
            THEN 'its power of gamma is one too low'
        WHEN abs(t.discount / pow(s.gamma, t.n_rewards + 1) - 1) <= tolerance
            THEN 'its power of gamma is one too high'
        ELSE 'it is no such power'
    END AS problem
FROM transitions AS t
JOIN shared.window_settings AS s USING (run_id)
WHERE t.n_rewards IS NOT NULL
    AND t.discount IS NOT NULL
    AND (abs(t.discount - expected) <= tolerance * expected AND NOT isnan(t.discount)) IS NOT TRUE
    AND (t.terminated AND t.discount = 0) IS NOT TRUE

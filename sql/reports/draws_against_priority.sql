-- name: draws_against_priority
-- title: How often transitions of each priority were replayed, against what the priority predicts
-- question: are transitions replayed as often as their priorities say?
-- reading: a ratio far from 1 where many draws are expected is a sampler that does not follow the
--     priorities: it favours what is above 1. Of n expected draws, 1 / sqrt(n) either way is chance.
--     Buckets are half a power of two of the priority that was held at the draw.
-- empty: the writes that are logged do not account for the priority totals, so that nothing can be
--     predicted (rlaudit audit says why), or the replay is not prioritized
-- reads: samples, transitions, updates
-- needs: expected_draws
-- requires: samples.priority, transitions.priority, updates.priority_total

SELECT
    run_id,
    pow(2, member / 2.0) AS priority_from,
    pow(2, (member + 1) / 2.0) AS priority_to,
    observed::BIGINT AS draws,
    expected AS expected_draws,
    observed / expected AS ratio
FROM shared.expected_draws
WHERE kind = 'priority'
ORDER BY run_id, priority_from

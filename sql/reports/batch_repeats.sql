-- name: batch_repeats
-- title: Transitions that stand in one batch more than once, observed and expected
-- question: do batches repeat transitions more than chance does?
-- reading: pairs are counted, so that three copies are three. by_independent is what independent draws by
--     these priorities predict, by_uniform what uniform draws with replacement do. Stratified draws
--     stay far below by_independent; more than it is a sampler that repeats itself, and rlaudit
--     check-duplicates says how sure that is.
-- reads: samples, updates
-- needs: batch_repeats, update_spans

-- The mean probability of what was drawn is an unbiased estimate of the sum of the squared
-- probabilities, so that k (k - 1) / 2 times it are the pairs expected of k independent draws.

WITH drawn AS (
    SELECT
        s.run_id,
        s.update_id,
        count(*) AS draws,
        avg(s.priority::DOUBLE) FILTER (isfinite(s.priority)) AS priority
    FROM samples AS s
    GROUP BY s.run_id, s.update_id
),

repeated AS (
    SELECT
        run_id,
        update_id,
        sum(draws * (draws - 1) / 2) AS pairs,
        max(draws) AS copies
    FROM shared.batch_repeats
    GROUP BY run_id, update_id
)

SELECT
    u.run_id,
    any_value(u.to_step) AS to_step,
    count(*) AS updates,
    count(repeated.pairs) AS with_repeats,
    coalesce(sum(repeated.pairs), 0)::BIGINT AS pairs,
    sum(drawn.draws * (drawn.draws - 1) / 2 * drawn.priority / nullif(u.priority_total, 0))
        FILTER (isfinite(u.priority_total)) AS by_independent,
    sum(drawn.draws * (drawn.draws - 1) / 2 / nullif(u.buffer_size, 0)) AS by_uniform,
    coalesce(max(repeated.copies), 1) AS most_copies
FROM shared.update_spans AS u
JOIN drawn USING (run_id, update_id)
LEFT JOIN repeated USING (run_id, update_id)
GROUP BY u.run_id, u.span
ORDER BY u.run_id, to_step

-- name: sampler_gate
-- title: Whether a log accounts for all priorities, so that its draws can be predicted
-- reads: samples, transitions, updates
-- needs: transition_lives, priority_ledger

-- The draws that the priorities predict must add up to all draws, and the writes in the log to the
-- priority total at every update. Where they do not, the figures that a test of the sampler would
-- start from are wrong, and priority_total_off_ledger or batch_rows_off names the cause.
--
-- The bound on the totals is generous: the trainer's own totals differ by 0, because its sums are
-- float64, and float32 trees and running sums are within it (priority_total_off_ledger).
WITH balance AS (
    SELECT
        run_id,
        sum(draws) AS draws,
        count(*) FILTER ((draws = batch_size AND known = buffer_size) IS NOT TRUE) AS incomplete,
        max(abs(mass / priority_total - 1)) AS worst
    FROM shared.priority_ledger
    GROUP BY run_id
),
predicted AS (
    SELECT run_id, sum(expected) AS expected
    FROM shared.transition_lives
    GROUP BY run_id
)
SELECT
    run_id,
    draws,
    expected,
    incomplete,
    worst,
    coalesce(incomplete = 0 AND worst <= 0.002 AND abs(expected - draws) <= 0.001 * draws, false)
        AS holds
FROM balance
JOIN predicted USING (run_id)

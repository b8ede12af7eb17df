-- name: batch_not_stratified
-- title: Batches that are not stratified where the config says so
-- severity: error
-- reads: samples, updates, runs
-- grain: run_id
-- groups: runs
-- needs: run_settings, batch_order, slot_splits
-- requires: config.sampling = stratified, samples.slot, samples.batch_index
-- diagnosis: the config of run {run_id} says stratified draws, but {evidence}: the draws look
--     independent
-- why: strata halve the variance of a batch and keep its draws apart. Without them a batch repeats
--     transitions more often, and figures compared with a stratified run differ for that reason
--     alone.
-- assumes: the leaves of the sum tree lie in the order of the slots, as in every usual tree, up to
--     one rotation; batch_index is the stratum.
-- threshold: from the slots alone, more than 1.5 falls from one slot to the next a batch (strata in
--     order have none, an unpadded tree one) and a von Neumann ratio above 0.5, over 20 batches or
--     more. From the priorities, a variance of the draws below a slot of at least half that of
--     independent draws where strata have less than a quarter of it, over 100 batches or more. It
--     is taken from the differences between batches, so that a biased sampler does not look
--     independent.
-- false_alarms: none where its assumption holds: falls cannot occur, and the number of draws below
--     a slot is within one of its expectation. Simulated ratios are 0.002 to 0.17 stratified and
--     0.78 to 1.4 independent.
-- cites: openai/baselines#527 (not stratified as configured); Schaul et al. 2016, appendix B.2.1.

WITH ordered AS (
    SELECT
        o.run_id,
        o.batches >= 20 AND o.falls > 1.5 AND o.spread_ratio > 0.5 AS is_wrong,
        format(
            'from one position of a batch to the next the slot falls {:.1f} times in {:.0f} draws '
                || '(never in strata)',
            o.falls,
            o.batch_size
        ) AS evidence
    FROM shared.batch_order AS o
),
measured AS (
    SELECT
        run_id,
        bool_or(
            batches >= 100
            AND variance_stratified < 0.25 * variance_independent
            AND variance_by_steps / variance_independent BETWEEN 0.5 AND 3
        ) AS is_wrong,
        format(
            'the draws from a part of the ring vary {:.2f} times as much as independent ones '
                || '(strata: {:.2f})',
            sum(variance_by_steps) / nullif(sum(variance_independent), 0),
            sum(variance_stratified) / nullif(sum(variance_independent), 0)
        ) AS evidence
    FROM shared.slot_splits
    GROUP BY run_id
)
SELECT
    s.run_id,
    CASE WHEN o.is_wrong THEN o.evidence ELSE m.evidence END AS evidence
FROM shared.run_settings AS s
LEFT JOIN ordered AS o USING (run_id)
LEFT JOIN measured AS m USING (run_id)
WHERE s.config ->> '$.sampling' = 'stratified' AND (o.is_wrong OR m.is_wrong)

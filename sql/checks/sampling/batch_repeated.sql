-- name: batch_repeated
-- title: A batch that is the one of the update before, position by position
-- severity: error
-- reads: samples, updates, runs
-- grain: run_id, update_id
-- groups: updates = updates
-- needs: run_settings, batch_shapes
-- requires: samples.transition_id, samples.batch_index, updates.buffer_size
-- diagnosis: update {update_id} of run {run_id} drew the very batch of update {update_before}, all
--     {draws} transitions at the same positions ({found} such updates), which by chance happens
--     once in 1e17 updates at most
-- why: an update that learns from the same batch again adds no experience: the sampler's random
--     generator is seeded anew, or a batch is cached.
-- threshold: the product over the batch of the chance of each draw is below 1e-17, with k p, at
--     most 1, as the chance in strata, p otherwise, 1/N for uniform draws; so a buffer of a few
--     transitions, or one with a giant priority, may repeat its batches.
-- false_alarms: below 1e-11 in a run of 375,000 updates.
-- cites: no report of it in a replay is known; the same in environments is
--     Farama-Foundation/Gymnasium#1468 (seeded anew at every reset).

WITH batches AS (
    SELECT
        b.run_id,
        b.update_id,
        sum(b.rows)::BIGINT AS draws,
        bit_xor(b.fingerprint) AS fingerprint
    FROM shared.batch_shapes AS b
    LEFT JOIN raw.segment_cuts AS cut USING (run_id, segment_id)
    WHERE (b.update_id > cut.last_update_id) IS NOT TRUE
    GROUP BY b.run_id, b.update_id
),
repeated AS (
    SELECT run_id, update_id, draws, lag(update_id) OVER run AS update_before
    FROM batches
    WINDOW run AS (PARTITION BY run_id ORDER BY update_id)
    QUALIFY fingerprint = lag(fingerprint) OVER run
),
-- Only for the few batches that agree: the chance of each of their draws.
chances AS (
    SELECT
        r.run_id,
        r.update_id,
        r.update_before,
        r.draws,
        sum(ln(least(1, CASE
            WHEN s.priority IS NULL OR (settings.config ->> '$.sampling') = 'uniform'
            THEN 1 / u.buffer_size
            WHEN (settings.config ->> '$.sampling') = 'independent'
            THEN s.priority / u.priority_total
            ELSE r.draws * s.priority / u.priority_total
        END))) AS log_chance
    FROM repeated AS r
    JOIN samples AS s USING (run_id, update_id)
    JOIN (
        SELECT
            run_id,
            update_id,
            any_value(buffer_size) AS buffer_size,
            any_value(priority_total) AS priority_total
        FROM updates
        GROUP BY ALL
    ) AS u USING (run_id, update_id)
    LEFT JOIN shared.run_settings AS settings USING (run_id)
    WHERE u.buffer_size > 0 AND (s.priority > 0 OR s.priority IS NULL)
    GROUP BY ALL
)
SELECT run_id, update_id, update_before, draws
FROM chances
WHERE log_chance < -39

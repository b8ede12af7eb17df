-- name: repeats_without_replacement
-- title: Repeats in a batch that is drawn without replacement
-- severity: error
-- reads: raw.samples, raw.runs
-- grain: run_id, segment_id, update_id, transition_id
-- groups: batches = raw.updates
-- needs: run_settings, batch_repeats
-- requires: config.replacement = false, samples.transition_id, samples.batch_index
-- diagnosis: transition {transition_id} stands {draws} times in the batch of update {update_id} of
--     run {run_id}, at positions {first_position} to {last_position}, and the config says that a
--     batch is drawn without replacement
-- why: without replacement no transition can stand twice in a batch, so one that does says that
--     the sampler is not the one that the config names.

SELECT
    r.run_id,
    r.segment_id,
    r.update_id,
    r.transition_id,
    r.draws,
    r.first_position,
    r.last_position
FROM shared.batch_repeats AS r
JOIN shared.run_settings AS settings USING (run_id)
WHERE settings.config ->> '$.replacement' = 'false'

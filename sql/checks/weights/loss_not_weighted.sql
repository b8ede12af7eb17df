-- name: loss_not_weighted
-- title: The loss against the mean of weight times the loss of each sample
-- severity: error
-- reads: samples, updates
-- grain: run_id, update_id
-- groups: updates
-- needs: run_settings, sampled_batches
-- requires: config.loss = huber | squared | abs | cross-entropy, samples.weight, samples.td_error,
--     updates.loss
-- diagnosis: update {update_id} logs the loss {loss}, where its weights and TD errors give
--     {expected}: {cause} ({found} updates)
-- why: weights that are computed and logged but do not multiply the loss correct nothing; the run
--     learns with the bias of prioritized draws and its log says otherwise.
-- assumes: the loss is the mean over the batch, and td_error is what the loss is a function of.
--     The cross-entropy is the logged KL divergence plus the entropy of the target, which is not
--     in the log and is between 0 and the logarithm of the number of atoms: there a loss is wrong
--     only outside of these bounds.
-- threshold: (draws + 7) u of the mean, u = 2^-24: a float32 sum of as many terms that are not
--     negative, in any order, the products and the division. With a cross-entropy the number of
--     atoms is added, over which its own sum goes, and atoms u times the mean weight, by which the
--     entropy of a target is below 0 if its mass is above 1 by rounding; a log that does not state
--     num_atoms is not judged there.
-- incremental: update_id
-- cites: Schaul et al. 2016, Algorithm 1, line 13; tensorforce/tensorforce#267

WITH settings AS MATERIALIZED (
    SELECT
        run_id,
        config ->> '$.loss' AS loss_name,
        if(loss_name = 'cross-entropy', TRY_CAST(config ->> '$.num_atoms' AS DOUBLE), 1) AS atoms,
        ln(atoms) AS most_entropy
    FROM shared.run_settings
),
judged AS (
    SELECT
        b.run_id,
        b.segment_id,
        b.update_id,
        b.loss,
        b.draws,
        settings.loss_name,
        b.weighted_loss_sum / b.draws AS lowest,
        lowest + settings.most_entropy * b.weight_sum / b.draws AS highest,
        b.loss_sum / b.draws AS plain_lowest,
        plain_lowest + settings.most_entropy AS plain_highest,
        b.weight_sum,
        b.largest_divisor AS divisor,
        (b.draws + 6 + settings.atoms) * pow(2, -24) AS tolerance,
        if(loss_name = 'cross-entropy', settings.atoms * pow(2, -24), 0) * b.weight_sum / b.draws
            AS entropy_error
    FROM shared.sampled_batches AS b
    JOIN settings USING (run_id)
    WHERE settings.atoms >= 1
        AND b.draws = coalesce(b.batch_size, b.draws)
        AND isfinite(b.weighted_loss_sum)
        AND isfinite(b.loss)
        AND b.smallest_weight >= 0
)
SELECT
    run_id,
    segment_id,
    update_id,
    loss,
    if(
        loss_name = 'cross-entropy',
        format('{:.4g} to {:.4g}', lowest, highest),
        format('{:.6g}', lowest)
    ) AS expected,
    CASE
        WHEN loss_name = 'cross-entropy'
            AND loss BETWEEN plain_lowest * (1 - tolerance) AND plain_highest * (1 + tolerance)
            THEN 'a mean without the weights can be that, so they do not multiply the loss'
        WHEN loss_name = 'cross-entropy' THEN 'the weights multiply something else'
        ELSE coalesce(
            list_filter(
                [
                    {
                        'value': plain_lowest,
                        'cause':
                            'it is the mean without the weights, which do not multiply the loss'
                    },
                    {'value': lowest * draws, 'cause': 'it is the sum and not the mean'},
                    {
                        'value': plain_lowest * draws,
                        'cause': 'it is the sum without the weights, which do not multiply the loss'
                    },
                    {
                        'value': lowest * draws / nullif(weight_sum, 0),
                        'cause': 'it is divided by the sum of the weights and not by the batch size'
                    },
                    {
                        'value': lowest * divisor,
                        'cause': 'the raw weights multiply the loss and not the final ones'
                    },
                    {'value': 2 * lowest, 'cause': 'it is twice as large'},
                    {'value': lowest / 2, 'cause': 'it is half as large'},
                    {
                        'value': plain_lowest * weight_sum / draws,
                        'cause': 'the mean weight multiplies the mean loss'
                    }
                ],
                lambda known: abs(loss - known.value) <= 2 * tolerance * known.value
            )[1].cause,
            'none of the known mistakes gives that value'
        )
    END AS cause
FROM judged
WHERE (
    loss BETWEEN lowest * (1 - tolerance) - entropy_error - 1e-37
        AND highest * (1 + tolerance) + entropy_error + 1e-37
) IS NOT TRUE

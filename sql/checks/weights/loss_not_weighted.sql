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
--     loss_scale multiplies it. Where a run does not state that, 1, 2 and 1/2 are as good, except
--     for a cross-entropy, and the one that most updates have counts: some define the squared loss
--     with a half, some without.
--     The cross-entropy is the logged KL divergence plus the entropy of the target, which is not
--     in the log and is between 0 and the logarithm of the number of atoms: there a loss is wrong
--     only outside of these bounds.
-- threshold: (draws + 7) u of the mean, u = 2^-24: a float32 sum of as many terms that are not
--     negative, in any order, the products and the division. With a cross-entropy the number of
--     atoms is added, over which its own sum goes, and atoms u times the mean weight, by which the
--     entropy of a target is below 0 if its mass is above 1 by rounding; a log that does not state
--     num_atoms is not judged there.
--     A cause is named if it gives the loss of every update that is wrong in the run, to twice the
--     tolerance, and if each other cause gives another loss, by four tolerances, in three of them.
-- incremental: update_id
-- cites: Schaul et al. 2016, Algorithm 1, line 13; tensorforce/tensorforce#267

WITH settings AS MATERIALIZED (
    SELECT
        run_id,
        config ->> '$.loss' AS loss_name,
        loss_name = 'cross-entropy' AS is_bounded,
        if(is_bounded, TRY_CAST(config ->> '$.num_atoms' AS DOUBLE), 1) AS atoms,
        ln(atoms) AS most_entropy,
        TRY_CAST(config ->> '$.loss_scale' AS DOUBLE) AS stated_scale
    FROM shared.run_settings
),
-- The bounds of the loss, which are one where it is no cross-entropy, for a scale of 1.
measured AS (
    SELECT
        b.run_id,
        b.segment_id,
        b.update_id,
        b.loss,
        b.draws,
        s.is_bounded,
        s.stated_scale,
        b.weighted_loss_sum / b.draws AS lowest,
        lowest + s.most_entropy * b.weight_sum / b.draws AS highest,
        b.loss_sum / b.draws AS plain_lowest,
        plain_lowest + s.most_entropy AS plain_highest,
        b.weight_sum,
        b.largest_divisor AS divisor,
        (b.draws + 6 + s.atoms) * pow(2, -24) AS tolerance,
        if(s.is_bounded, s.atoms * pow(2, -24), 0) * b.weight_sum / b.draws AS entropy_error
    FROM shared.sampled_batches AS b
    JOIN settings AS s USING (run_id)
    WHERE s.atoms >= 1
        AND b.draws = coalesce(b.batch_size, b.draws)
        AND isfinite(b.weighted_loss_sum)
        AND isfinite(b.loss)
        AND b.smallest_weight >= 0
),
scales AS (
    SELECT
        run_id,
        count_if(abs(loss - lowest) <= tolerance * lowest) AS ones,
        count_if(abs(loss - 2 * lowest) <= tolerance * 2 * lowest) AS twos,
        count_if(abs(loss - lowest / 2) <= tolerance * lowest / 2) AS halves,
        CASE
            WHEN isfinite(any_value(stated_scale)) THEN any_value(stated_scale)
            WHEN bool_or(is_bounded) OR ones >= greatest(twos, halves) THEN 1
            WHEN twos >= halves THEN 2
            ELSE 0.5
        END AS scale
    FROM measured
    GROUP BY run_id
),
wrong AS MATERIALIZED (
    SELECT
        m.* EXCLUDE (lowest, highest, plain_lowest, plain_highest),
        scales.scale,
        scales.scale * m.lowest AS lowest,
        scales.scale * m.highest AS highest,
        scales.scale * m.plain_lowest AS plain_lowest,
        scales.scale * m.plain_highest AS plain_highest
    FROM measured AS m
    JOIN scales USING (run_id)
    WHERE (
        m.loss BETWEEN scales.scale * (m.lowest * (1 - m.tolerance) - m.entropy_error) - 1e-37
            AND scales.scale * m.highest * (1 + m.tolerance) + scales.scale * m.entropy_error
                + 1e-37
    ) IS NOT TRUE
),
-- What each known mistake makes of an update that is wrong.
candidates AS MATERIALIZED (
    SELECT run_id, segment_id, update_id, loss, tolerance, unnest(mistakes, recursive := true)
    FROM (
        SELECT
            *,
            [
                {
                    'value': plain_lowest,
                    'mistake': 'it is the mean without the weights, which do not multiply the loss'
                },
                {'value': lowest * draws, 'mistake': 'it is the sum and not the mean'},
                {
                    'value': plain_lowest * draws,
                    'mistake': 'it is the sum without the weights, which do not multiply the loss'
                },
                {
                    'value': lowest * draws / nullif(weight_sum, 0),
                    'mistake': 'it is divided by the sum of the weights and not by the batch size'
                },
                {
                    'value': lowest * divisor,
                    'mistake': 'the raw weights multiply the loss and not the final ones'
                },
                {
                    'value': plain_lowest * weight_sum / draws,
                    'mistake': 'the mean weight multiplies the mean loss'
                }
            ] AS mistakes
        FROM wrong
        WHERE NOT is_bounded
    ) AS listed
),
fitting AS (
    SELECT
        run_id,
        mistake,
        count(*) OVER (PARTITION BY run_id) AS fitting
    FROM candidates
    GROUP BY run_id, mistake
    HAVING bool_and(coalesce(abs(loss - value) <= 2 * tolerance * value, false))
),
apart AS (
    SELECT
        f.run_id,
        f.mistake,
        other.mistake AS other,
        count_if(abs(c.value - other.value) > 4 * c.tolerance * c.value) AS apart
    FROM fitting AS f
    JOIN candidates AS c ON c.run_id = f.run_id AND c.mistake = f.mistake
    JOIN candidates AS other
        ON other.run_id = c.run_id
        AND other.segment_id IS NOT DISTINCT FROM c.segment_id
        AND other.update_id = c.update_id
        AND other.mistake <> c.mistake
    WHERE f.fitting = 1
    GROUP BY f.run_id, f.mistake, other.mistake
),
named AS (
    SELECT run_id, any_value(mistake) AS mistake, min(apart) >= 3 AS is_sure
    FROM apart
    GROUP BY run_id
),
ratios AS (
    SELECT
        run_id,
        count(*) AS updates,
        min(loss / nullif(lowest, 0)) AS smallest,
        max(loss / nullif(lowest, 0)) AS largest,
        largest - smallest <= 2 * max(tolerance) * largest AS is_constant
    FROM wrong
    GROUP BY run_id
)
SELECT
    w.run_id,
    w.segment_id,
    w.update_id,
    w.loss,
    if(
        w.is_bounded,
        format('{:.4g} to {:.4g}', w.lowest, w.highest),
        format('{:.6g}', w.lowest)
    ) AS expected,
    CASE
        WHEN w.is_bounded
            AND w.loss
            BETWEEN w.plain_lowest * (1 - w.tolerance) AND w.plain_highest * (1 + w.tolerance)
            THEN 'a mean without the weights can be that, so they do not multiply the loss'
        WHEN w.is_bounded THEN 'the weights multiply something else'
        WHEN n.is_sure THEN n.mistake
        WHEN r.is_constant AND r.updates >= 3
            THEN format('it is {:.6g} times that in each of them', r.smallest)
        WHEN n.mistake IS NOT NULL
            THEN format('perhaps {}, which too few updates tell from the rest', n.mistake)
        ELSE format(
            'none of the known mistakes gives that value, which is {:.4g} to {:.4g} times the '
                || 'expected one',
            r.smallest,
            r.largest
        )
    END AS cause
FROM wrong AS w
JOIN ratios AS r USING (run_id)
LEFT JOIN named AS n USING (run_id)

-- name: wrong_final_weight
-- title: Final weights against raw weights over their normaliser
-- severity: error
-- reads: samples, updates
-- grain: run_id, update_id
-- groups: updates
-- needs: run_settings, sampled_batches
-- requires: config.weight_normaliser = batch | buffer, samples.weight
-- diagnosis: update {update_id}: {what}; {cause} ({found} updates)
-- why: weights are scaled so that the largest is 1 and they only ever make steps smaller. Another
--     normaliser is another learning rate, and one that changes from batch to batch.
-- assumes: a batch of which rows are missing may lack the one with the largest weight.
-- threshold: u (41 + 8 beta + 6 abs(ln w)) of the value, u = 2^-24, w the raw weight farthest from
--     1: a float32 quotient of two float32 powers. The largest seen in a sound run is 20 u.
-- incremental: update_id
-- cites: Schaul et al. 2016, section 3.4; chainer/chainerrl#570 (a memory-wide normaliser instead
--     of the batch's), Tianshou's get_weight (divided by a minimum without its exponent)

WITH settings AS MATERIALIZED (
    SELECT
        run_id,
        config ->> '$.weight_normaliser' AS normaliser,
        TRY_CAST(config ->> '$.alpha' AS DOUBLE) AS alpha,
        coalesce(TRY_CAST(config ->> '$.importance_sampling' AS BOOLEAN), true) AS weighted
    FROM shared.run_settings
),
judged AS (
    SELECT
        b.run_id,
        b.segment_id,
        b.update_id,
        b.draws,
        b.draws = coalesce(b.batch_size, b.draws) AS whole,
        b.smallest_weight::DOUBLE AS smallest_weight,
        b.largest_weight::DOUBLE AS largest_weight,
        b.largest_raw::DOUBLE AS largest_raw,
        b.smallest_divisor::DOUBLE AS smallest_divisor,
        b.largest_divisor::DOUBLE AS largest_divisor,
        b.weight_normaliser AS logged,
        b.weight_sum,
        b.beta,
        b.smallest_priority::DOUBLE AS smallest_priority,
        b.buffer_size,
        b.priority_total,
        settings.normaliser,
        settings.alpha,
        pow(2, -24)
            * (
                41
                + 8 * coalesce(beta, 1)
                + 6
                * greatest(
                    abs(ln(greatest(coalesce(largest_raw, 1), 1e-300))),
                    abs(ln(greatest(coalesce(smallest_weight * largest_divisor, 1), 1e-300)))
                )
            ) AS tolerance
    FROM shared.sampled_batches AS b
    JOIN settings USING (run_id)
    WHERE settings.weighted
        AND isfinite(coalesce(b.largest_weight, 0))
        AND isfinite(coalesce(b.largest_raw, 0))
),
flagged AS (
    SELECT
        *,
        CASE
            WHEN (largest_divisor <= smallest_divisor * (1 + tolerance)) IS FALSE
                THEN 'raw weights are divided by different numbers, from '
                    || format('{:.4g} to {:.4g}', smallest_divisor, largest_divisor)
            WHEN (largest_weight <= 1 + tolerance) IS FALSE
                THEN 'the largest weight is ' || format('{:.4g}', largest_weight)
                    || ', above 1'
            WHEN whole AND normaliser = 'batch' AND (abs(largest_weight - 1) <= tolerance) IS FALSE
                THEN 'the largest weight of the batch is ' || format('{:.4g}', largest_weight)
                    || ', where the batch''s own largest is to make it 1'
            WHEN whole AND normaliser = 'batch'
                AND (abs(largest_divisor - largest_raw) <= tolerance * largest_raw) IS FALSE
                THEN 'raw weights are divided by ' || format('{:.4g}', largest_divisor)
                    || ', where the largest of the batch is ' || format('{:.4g}', largest_raw)
            WHEN (abs(largest_divisor - logged) <= tolerance * logged) IS FALSE
                THEN 'raw weights are divided by ' || format('{:.4g}', largest_divisor)
                    || ', where the logged normaliser is ' || format('{:.4g}', logged)
        END AS what
    FROM judged
),
explained AS (
    SELECT
        *,
        list_filter(
            [
                {'value': 1.0, 'cause': 'the raw weights are not normalised'},
                {
                    'value': weight_sum * largest_divisor / draws,
                    'cause': 'the normaliser is the mean of the batch'
                },
                {
                    'value': weight_sum * largest_divisor,
                    'cause': 'the normaliser is the sum of the batch'
                },
                {
                    'value': smallest_weight * largest_divisor,
                    'cause': 'the normaliser is the smallest of the batch'
                },
                {
                    'value': priority_total / (buffer_size * smallest_priority),
                    'cause':
                        'the normaliser is that of the smallest priority, without the exponent beta'
                },
                {
                    'value': pow(
                        buffer_size * pow(smallest_priority, 1 / nullif(alpha, 0)) / priority_total,
                        -beta
                    ),
                    'cause':
                        'the normaliser is that of the smallest priority, without its exponent '
                            || 'alpha'
                },
                {
                    'value': if(logged > largest_raw * (1 + tolerance), logged, NULL),
                    'cause': 'the normaliser is the largest of the whole buffer'
                }
            ],
            lambda known: abs(largest_divisor - known.value) <= tolerance * known.value
        ).list_transform(lambda known: known.cause) AS causes
    FROM flagged
    WHERE what IS NOT NULL
),
-- Where several normalisers fit one row, the one that explains most rows of the run.
ranked AS (
    SELECT run_id, list(cause ORDER BY rows DESC, place) AS causes
    FROM (
        SELECT run_id, cause, count(*) AS rows, max(list_position(causes, cause)) AS place
        FROM (SELECT run_id, causes, unnest(causes) AS cause FROM explained)
        GROUP BY run_id, cause
    )
    GROUP BY run_id
)
SELECT
    e.run_id,
    e.segment_id,
    e.update_id,
    e.draws,
    e.normaliser,
    e.largest_weight,
    e.largest_raw,
    e.largest_divisor AS divisor,
    e.logged AS weight_normaliser,
    e.what,
    coalesce(
        list_filter(ranked.causes, lambda cause: list_contains(e.causes, cause))[1],
        if(
            e.largest_weight < 1,
            'a normaliser above all of the batch is one of the whole buffer, or of the past',
            'the normaliser is none of the known ones'
        )
    ) AS cause
FROM explained AS e
LEFT JOIN ranked USING (run_id)

-- name: wrong_new_priority
-- title: Priorities that are written back against (abs(TD error) + epsilon)^alpha
-- severity: error
-- reads: samples, updates
-- grain: run_id, update_id
-- groups: updates = updates
-- needs: run_settings, sampled_batches
-- requires: config.alpha, config.priority_epsilon, samples.td_error, samples.priority_new
-- diagnosis: update {update_id} wrote priority {priority_new} for a TD error of {td_error} (batch
--     position {batch_index}, {wrong} of {draws} draws), where (abs(error) + {epsilon})^{alpha} is
--     {expected}, {relative} of it apart: {cause} ({found} updates)
-- why: priorities on another scale change how sharply the replay prefers large errors, and what
--     alpha means.
-- threshold: u (20 + alpha + 3 abs(ln expected)) of the expected value, u = 2^-24: what a float32
--     logarithm and exponential lose. The largest seen in a sound run is 17 u.
-- incremental: update_id
-- after: not_a_number, wrong_alpha
-- cites: Schaul et al. 2016, eq. 1 and section 3.3; Kaixhin/Rainbow 32c3f4b and
--     instadeepai/flashbax#58 (kept as whole numbers), HorizonRobotics/alf#1232 (epsilon outside
--     the exponent)

WITH settings AS MATERIALIZED (
    SELECT
        run_id,
        TRY_CAST(config ->> '$.alpha' AS DOUBLE) AS alpha,
        TRY_CAST(config ->> '$.priority_epsilon' AS DOUBLE) AS epsilon
    FROM shared.run_settings
),
judged AS (
    SELECT
        s.run_id,
        s.segment_id,
        s.update_id,
        s.batch_index,
        s.priority,
        s.priority_new,
        s.td_error,
        settings.alpha,
        settings.epsilon,
        abs(s.td_error::DOUBLE) AS size,
        pow(size + settings.epsilon, settings.alpha) AS expected,
        pow(2, -24) * (20 + settings.alpha + 3 * abs(ln(greatest(expected, 1e-300)))) AS tolerance
    FROM samples AS s
    JOIN (
        SELECT run_id, segment_id, update_id FROM shared.sampled_batches WHERE suspect_new > 0
    ) AS suspects
        ON suspects.run_id = s.run_id
        AND suspects.segment_id IS NOT DISTINCT FROM s.segment_id
        AND suspects.update_id = s.update_id
    JOIN settings ON settings.run_id = s.run_id
),
wrong AS (
    SELECT
        run_id,
        segment_id,
        update_id,
        count(*) AS wrong,
        arg_min(judged, batch_index) AS example
    FROM judged
    -- NaN <= NaN is true: an error that is not a number is the finding of another check.
    WHERE (abs(priority_new - expected) <= tolerance * expected) IS FALSE
    GROUP BY run_id, segment_id, update_id
),
explained AS (
    SELECT
        wrong.*,
        batch.draws,
        list_filter(
            [
                {
                    'value': pow(example.size, example.alpha) + example.epsilon,
                    'cause': 'epsilon is added outside the exponent'
                },
                {'value': pow(example.size, example.alpha), 'cause': 'epsilon is missing'},
                {'value': example.size + example.epsilon, 'cause': 'the exponent is missing'},
                {'value': example.size, 'cause': 'exponent and epsilon are missing'},
                {
                    'value': pow(example.size + example.epsilon, batch.alpha),
                    'cause': 'it is right for the logged alpha = ' || batch.alpha
                },
                {'value': example.size * example.size, 'cause': 'it is the squared error'},
                {
                    'value': pow(example.expected, example.alpha),
                    'cause': 'the exponent is applied twice'
                },
                {'value': floor(example.expected), 'cause': 'it is kept as a whole number'},
                {'value': round(example.expected), 'cause': 'it is kept as a whole number'},
                {'value': ceil(example.expected), 'cause': 'it is kept as a whole number'},
                {
                    'value': pow(greatest(example.td_error, 0) + example.epsilon, example.alpha),
                    'cause': 'a negative error counts as 0'
                },
                {
                    'value': pow(greatest(example.td_error + example.epsilon, 0), example.alpha),
                    'cause': 'a negative error counts as 0'
                },
                {
                    'value': pow(least(example.size, 1) + example.epsilon, example.alpha),
                    'cause': 'the error is clipped to 1'
                },
                {'value': least(example.expected, 1), 'cause': 'it is clipped to 1'},
                {'value': example.priority, 'cause': 'it is the priority that was drawn'}
            ],
            lambda known:
                abs(example.priority_new - known.value) <= example.tolerance * known.value
        ).list_transform(lambda known: known.cause) AS causes
    FROM wrong
    JOIN shared.sampled_batches AS batch
        ON batch.run_id = wrong.run_id
        AND batch.segment_id IS NOT DISTINCT FROM wrong.segment_id
        AND batch.update_id = wrong.update_id
),
-- Where several mistakes give the value of one row, the one that explains most rows of the run.
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
    example.batch_index,
    e.wrong,
    e.draws,
    example.td_error,
    example.priority_new,
    example.expected,
    abs(example.priority_new - example.expected) / nullif(example.expected, 0) AS relative,
    example.alpha,
    example.epsilon,
    CASE
        WHEN isnan(example.priority_new) AND example.td_error < 0
            THEN 'the absolute value is missing, and the power of a negative error is no number'
        WHEN isnan(example.priority_new) THEN 'it is not a number, and the error is one'
        ELSE coalesce(
            list_filter(ranked.causes, lambda cause: list_contains(e.causes, cause))[1],
            'none of the known mistakes gives that value'
        )
    END AS cause
FROM explained AS e
LEFT JOIN ranked USING (run_id)

-- name: wrong_raw_weight
-- title: Raw importance-sampling weights against (N p)^-beta
-- severity: error
-- reads: samples, updates
-- grain: run_id, update_id
-- groups: updates = updates
-- needs: sampled_batches
-- requires: samples.weight_raw, samples.priority, updates.priority_total, updates.buffer_size,
--     updates.beta
-- diagnosis: update {update_id} has the raw weight {weight_raw} at batch position {batch_index}
--     ({wrong} of {draws} draws), where (N p)^-beta is {expected} with N = {weighed}, p =
--     {priority} / {priority_total} and beta = {beta}, {relative} of it apart: {cause} ({found}
--     updates)
-- why: weights undo the bias of prioritized draws only if they are the inverse of how often a
--     transition is drawn. Division by the batch's largest hides a wrong N, and not a wrong
--     exponent.
-- threshold: u (20 + 4 beta + 3 abs(ln expected)) of the expected value, u = 2^-24: what a float32
--     quotient and power lose. The largest seen in a sound run is 15 u.
-- incremental: update_id
-- after: weights_all_one
-- cites: Schaul et al. 2016, section 3.4; Kaixhin/Rainbow 4e2b1ea (N is the capacity),
--     tensorforce/tensorforce#267 (all 1)

WITH judged AS (
    SELECT
        s.run_id,
        s.segment_id,
        s.update_id,
        b.history,
        s.batch_index,
        s.priority::DOUBLE AS priority,
        s.weight_raw::DOUBLE AS weight_raw,
        b.draws,
        b.buffer_size,
        b.weighed,
        b.capacity,
        b.priority_total,
        b.beta,
        pow(b.weighed * s.priority::DOUBLE / nullif(b.priority_total, 0), -b.beta) AS expected,
        pow(2, -24) * (20 + 4 * b.beta + 3 * abs(ln(greatest(expected, 1e-300)))) AS tolerance
    FROM samples AS s
    JOIN shared.sampled_batches AS b
        ON b.run_id = s.run_id
        AND b.segment_id IS NOT DISTINCT FROM s.segment_id
        AND b.update_id = s.update_id
    WHERE b.suspect_raw > 0 AND s.priority > 0
),
wrong AS (
    SELECT
        run_id,
        segment_id,
        update_id,
        history,
        count(*) AS wrong,
        arg_min(judged, batch_index) AS worst
    FROM judged
    WHERE isfinite(expected) AND (abs(weight_raw - expected) <= tolerance * expected) IS FALSE
    GROUP BY run_id, segment_id, update_id, history
),
explained AS (
    SELECT
        w.*,
        list_filter(
            [
                {
                    'value': pow(
                        worst.capacity * worst.priority / worst.priority_total, -worst.beta
                    ),
                    'cause':
                        'N is the capacity ' || worst.capacity || ', and the buffer is not full'
                },
                {
                    'value': pow(
                        worst.buffer_size * worst.priority / worst.priority_total, -worst.beta
                    ),
                    'cause': 'N is the transitions stored, and the config says the capacity'
                },
                {
                    'value': pow(worst.priority / worst.priority_total, -worst.beta),
                    'cause': 'N is missing'
                },
                {
                    'value': pow(worst.weighed * worst.priority, -worst.beta),
                    'cause': 'the priority is not divided by the total'
                },
                {
                    'value': worst.priority_total / (worst.weighed * worst.priority),
                    'cause': 'the exponent beta is missing'
                },
                {
                    'value': pow(
                        worst.weighed * worst.priority / worst.priority_total, worst.beta
                    ),
                    'cause': 'the exponent is beta and not -beta'
                },
                {
                    'value': pow(
                        worst.weighed * worst.priority / last.priority_total, -worst.beta
                    ),
                    'cause': 'the total is the one of the update before'
                },
                {
                    'value': pow(
                        last.weighed * worst.priority / last.priority_total, -worst.beta
                    ),
                    'cause': 'N and the total are those of the update before'
                },
                {
                    'value': pow(
                        worst.weighed * worst.priority / worst.priority_total, -last.beta
                    ),
                    'cause': 'beta is the one of the update before'
                },
                {'value': 1.0, 'cause': 'weights are 1, as if draws were uniform'}
            ],
            lambda known: abs(worst.weight_raw - known.value) <= worst.tolerance * known.value
        ).list_transform(lambda known: known.cause) AS causes
    FROM wrong AS w
    LEFT JOIN shared.sampled_batches AS last
        ON last.history = w.history AND last.update_id = w.update_id - 1
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
    worst.batch_index,
    e.wrong,
    worst.draws,
    worst.priority,
    worst.priority_total,
    worst.buffer_size,
    worst.weighed,
    worst.capacity,
    worst.beta,
    worst.weight_raw,
    worst.expected,
    abs(worst.weight_raw - worst.expected) / worst.expected AS relative,
    coalesce(
        list_filter(ranked.causes, lambda cause: list_contains(e.causes, cause))[1],
        'it would be right for a total of '
            || format(
                '{:.4g}',
                worst.weighed
                    * worst.priority
                    * pow(worst.weight_raw, 1 / nullif(worst.beta, 0))
            ),
        'none of the known mistakes gives that value'
    ) AS cause
FROM explained AS e
LEFT JOIN ranked USING (run_id)

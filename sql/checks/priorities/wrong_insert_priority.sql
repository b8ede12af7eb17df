-- name: wrong_insert_priority
-- title: Insert priorities against the largest priority ever written
-- severity: error
-- reads: transitions, updates, samples
-- grain: run_id, transition_id
-- groups: transitions = transitions
-- needs: histories, sampled_batches, insert_settings
-- requires: config.insert_priority = running-max, transitions.priority,
--     updates.last_transition_id, samples.priority_new
-- diagnosis: transition {transition_id} entered with priority {priority}, where the largest
--     priority written until then, or {first_priority}, was {expected}: {cause} ({found} transitions)
-- why: a new transition enters at the top so that it is seen soon, whatever its error. Below the
--     top it may wait for long or be overwritten unseen; far above it, the weights of first draws
--     vanish.
-- assumes: a transition is stored after the write-backs of all updates that could not draw it yet.
--     The maximum starts at insert_priority_first, and may fall below it at the first write. Where
--     the run does not state that it is 1, or (1 + epsilon)^alpha, the priority of an error of 1. Where an update is missing
--     from the log nothing is concluded from there on.
-- threshold: u (21 + 3 abs(ln expected)) of the expected value, u = 2^-24: a trainer may keep the
--     largest error and apply the exponent anew.
-- after: priorities_never_change
-- cites: Schaul et al. 2016, Algorithm 1, line 6; ray-project/ray#11750 and #2929, y-kamiya
--     3ddcebe (enter at 1 or at their own error), pytorch/rl#2210 and #2215 (initial maximum far
--     above real errors), dopamine's JAX sum tree (maximum lost on resume)

WITH written AS (
    SELECT
        history,
        last_transition_id,
        max(largest_new) FILTER (isfinite(largest_new)) AS largest_new,
        bool_and(complete) AS complete,
        arg_max(segment_id, update_id) AS segment_id
    FROM shared.sampled_batches
    WHERE last_transition_id IS NOT NULL
    GROUP BY history, last_transition_id
    UNION ALL
    -- What entered before the first update; known only if that one is the run's first.
    SELECT history, -1, NULL, arg_min(complete, update_id), NULL
    FROM shared.sampled_batches
    GROUP BY history
),
so_far AS MATERIALIZED (
    SELECT
        history,
        last_transition_id,
        complete,
        max(largest_new) OVER (PARTITION BY history ORDER BY last_transition_id) AS largest,
        max(largest_new) OVER (PARTITION BY history, segment_id ORDER BY last_transition_id)
            AS largest_of_segment
    FROM written
),
entered AS (
    SELECT
        t.run_id,
        t.segment_id,
        h.history,
        t.transition_id,
        t.priority
    FROM transitions AS t
    JOIN shared.histories AS h
        ON h.run_id = t.run_id AND h.segment_id IS NOT DISTINCT FROM t.segment_id
    WHERE t.priority IS NOT NULL
),
judged AS (
    SELECT
        e.*,
        s.last_transition_id,
        i.alpha,
        i.first_ AS first_priority,
        coalesce(s.largest, i.first_) AS largest,
        greatest(i.first_, largest) AS expected,
        greatest(i.other_first, coalesce(s.largest, i.other_first)) AS other_expected,
        greatest(i.first_, coalesce(s.largest_of_segment, i.first_)) AS expected_of_segment
    FROM entered AS e
    ASOF JOIN so_far AS s
        ON s.history = e.history AND s.last_transition_id < e.transition_id
    JOIN shared.insert_settings AS i ON i.run_id = e.run_id
    WHERE s.complete
),
wrong AS (
    SELECT *
    FROM judged
    WHERE NOT list_bool_or(
        list_transform(
            [expected, largest, other_expected],
            lambda x: coalesce(
                abs(priority - x) <= pow(2, -24) * (21 + 3 * abs(ln(greatest(x, 1e-30)))) * x, false
            )
        )
    )
),
spread AS (
    SELECT history, count(*) AS wrong, count(DISTINCT priority) / count(*) AS different
    FROM wrong
    GROUP BY history
),
resumes AS (
    SELECT run_id, segment_id, resumed_from IS NOT NULL AS resumed FROM segments
),
first_wrong AS (
    SELECT history, arg_min(segment_id, transition_id) AS segment_id FROM wrong GROUP BY history
)
SELECT
    w.run_id,
    w.segment_id,
    w.transition_id,
    w.priority,
    w.expected,
    w.first_priority,
    CASE
        WHEN isnan(w.priority) THEN 'it is not a number'
        WHEN r.resumed AND f.segment_id = w.segment_id
            AND (w.priority = w.first_priority OR w.priority = w.expected_of_segment)
            THEN 'the running maximum was lost on resume'
        WHEN abs(pow(w.priority, w.alpha) / w.expected - 1) < 1e-5 AND w.priority != 1
            THEN 'it is the maximum without the exponent alpha'
        WHEN g.different > 0.2 AND g.wrong > 4
            THEN 'what enters wrongly has many priorities, so each transition enters at an error '
                || 'of its own'
        WHEN w.priority > w.expected
            THEN 'no priority that large was ever written, so the initial maximum is far above '
                || 'real errors and the weight of its first draw next to nothing'
        WHEN w.priority = 1 THEN 'new transitions enter at 1 and not at the maximum'
        ELSE 'the replay forgot its largest priority'
    END AS cause
FROM wrong AS w
LEFT JOIN spread AS g ON g.history = w.history
LEFT JOIN first_wrong AS f ON f.history = w.history
LEFT JOIN resumes AS r
    ON r.run_id = w.run_id AND r.segment_id IS NOT DISTINCT FROM w.segment_id

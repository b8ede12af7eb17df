-- name: sample_ages
-- title: How old the replayed transitions were, in tenths of what the buffer held
-- question: does the agent learn from what is new, or from what is old?
-- reading: an age is the number of transitions that were stored after the one that is drawn. Tenths are
--     of the transitions that the buffer held at that draw, full or not; tenth 1 is the newest.
--     Uniform replay gives each tenth a share of 0.1. Prioritized replay favours the new ones, which
--     enter with the largest priority, while a share far above that, or a last tenth with nothing,
--     says that the old ones are out of reach. A tenth of NULL is draws of what was not in the buffer.
-- reads: samples, updates
-- needs: update_spans
-- requires: updates.buffer_size, updates.last_transition_id

WITH aged AS (
    SELECT
        s.run_id,
        u.last_id - s.transition_id AS age,
        CASE
            WHEN s.transition_id BETWEEN u.oldest_id AND u.last_id
                THEN (u.last_id - s.transition_id) * 10 // u.buffer_size + 1
        END AS tenth,
        CASE WHEN isfinite(s.priority) THEN s.priority END AS priority,
        CASE WHEN isfinite(s.weight) THEN s.weight END AS weight
    FROM samples AS s
    JOIN shared.update_spans AS u USING (run_id, update_id)
)

SELECT
    run_id,
    tenth,
    count(*) AS draws,
    count(*) / sum(count(*)) OVER (PARTITION BY run_id) AS share,
    avg(age) AS mean_age,
    avg(priority) AS mean_priority,
    avg(weight) AS mean_weight
FROM aged
GROUP BY run_id, tenth
ORDER BY run_id, tenth

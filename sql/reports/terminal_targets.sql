-- name: terminal_targets
-- title: Errors and weights of terminal transitions against those of all others, as training went on
-- question: do the transitions whose target is known hold the values where they belong?
-- reading: a terminal transition's target is its reward; every other one's rests on the net itself, so
--     values that drift are pulled back by terminal ones only. An update moves the values by share x
--     weight x error under a squared loss, and by share x weight, however large the error, under an
--     absolute one. value is the mean Q of the batches: it cannot exceed the largest return for long.
-- reads: samples, transitions, updates
-- needs: update_spans
-- requires: transitions.terminated, samples.td_error

WITH stored AS (
    SELECT DISTINCT ON (run_id, transition_id) run_id, transition_id, terminated
    FROM transitions
    WHERE transition_id IS NOT NULL
),

drawn AS (
    SELECT
        s.run_id,
        u.to_step,
        u.q_mean,
        stored.terminated,
        if(isfinite(s.td_error), s.td_error, NULL)::DOUBLE AS error,
        if(isfinite(s.weight), s.weight, NULL)::DOUBLE AS weight
    FROM samples AS s
    JOIN shared.update_spans AS u USING (run_id, update_id)
    JOIN stored USING (run_id, transition_id)
)

SELECT
    run_id,
    to_step,
    avg(q_mean) FILTER (isfinite(q_mean)) AS value,
    avg(terminated::INTEGER) AS terminal_share,
    avg(error) FILTER (terminated) AS terminal_error,
    avg(error) FILTER (NOT terminated) AS other_error,
    avg(weight) FILTER (terminated) AS terminal_weight,
    avg(weight) FILTER (NOT terminated) AS other_weight
FROM drawn
GROUP BY run_id, to_step
ORDER BY run_id, to_step

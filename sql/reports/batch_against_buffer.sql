-- name: batch_against_buffer
-- title: Rewards and terminals in the batches against those in the buffer, as training went on
-- question: does the agent see more rewards and endings than there are?
-- reading: prioritized batches have more of both than the buffer, and the importance weights should take
--     that back: at beta 1 weighted equals buffer. Uniform batches equal the buffer, up to chance.
--     reward counts transitions whose summed reward is not 0, terminal those that end an episode.
-- reads: samples, transitions, updates
-- needs: update_spans
-- requires: updates.buffer_size, updates.last_transition_id

WITH stored AS (
    SELECT DISTINCT ON (run_id, transition_id)
        run_id,
        transition_id,
        (reward_sum <> 0)::INTEGER AS has_reward,
        terminated::INTEGER AS is_terminal
    FROM transitions
    WHERE transition_id IS NOT NULL
),

running AS (
    SELECT
        run_id,
        transition_id,
        count(*) OVER so_far AS stored,
        sum(has_reward) OVER so_far AS rewards,
        sum(is_terminal) OVER so_far AS terminals
    FROM stored
    WINDOW so_far AS (PARTITION BY run_id ORDER BY transition_id ROWS UNBOUNDED PRECEDING)
),

-- What an update could draw: everything up to its newest less everything before its oldest.
newest AS (
    SELECT u.run_id, u.update_id, u.span, u.to_step, u.oldest_id, r.stored, r.rewards, r.terminals
    FROM shared.update_spans AS u
    ASOF JOIN running AS r ON r.run_id = u.run_id AND r.transition_id <= u.last_id
),

buffers AS (
    SELECT
        n.run_id,
        n.span,
        any_value(n.to_step) AS to_step,
        avg((n.rewards - coalesce(r.rewards, 0)) / nullif(n.stored - coalesce(r.stored, 0), 0)) AS reward,
        avg((n.terminals - coalesce(r.terminals, 0)) / nullif(n.stored - coalesce(r.stored, 0), 0))
            AS terminal
    FROM newest AS n
    ASOF LEFT JOIN running AS r ON r.run_id = n.run_id AND r.transition_id < n.oldest_id
    GROUP BY n.run_id, n.span
),

batches AS (
    SELECT
        u.run_id,
        u.span,
        avg(stored.has_reward) AS reward,
        sum(stored.has_reward * s.weight::DOUBLE) / nullif(sum(s.weight::DOUBLE), 0) AS weighted_reward,
        avg(stored.is_terminal) AS terminal,
        sum(stored.is_terminal * s.weight::DOUBLE) / nullif(sum(s.weight::DOUBLE), 0)
            AS weighted_terminal
    FROM (SELECT * REPLACE (if(isfinite(weight), weight, NULL) AS weight) FROM samples) AS s
    JOIN shared.update_spans AS u USING (run_id, update_id)
    JOIN stored USING (run_id, transition_id)
    GROUP BY u.run_id, u.span
)

SELECT
    run_id,
    buffers.to_step,
    buffers.reward AS reward_buffer,
    batches.reward AS reward_batch,
    batches.weighted_reward AS reward_weighted,
    buffers.terminal AS terminal_buffer,
    batches.terminal AS terminal_batch,
    batches.weighted_terminal AS terminal_weighted
FROM buffers
JOIN batches USING (run_id, span)
ORDER BY run_id, to_step

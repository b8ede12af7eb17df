-- name: replay_histogram
-- title: How many transitions were replayed how often, those that are overwritten apart
-- question: how often is a transition replayed before it is overwritten?
-- reads: samples, transitions, updates
-- requires: updates.last_transition_id
-- params: bars BIGINT = 12 from 3
-- reading: draws that favour nothing give a bump around the replay ratio times the batch size; a long
--     tail is what priorities add, and a tall bar at 0 is data that was never learned from.

-- A transition that is still in the buffer may be drawn again; one that was overwritten may not.
-- The first bar is of those that were never drawn. Where counts reach far, a bar holds several,
-- and the last one all that are left, which are less than a hundredth of the transitions.
-- Whether a transition is overwritten is NULL where the log does not state the capacity.

WITH replayed AS (
    SELECT run_id, transition_id, sum(drawn)::BIGINT AS times
    FROM (
        SELECT run_id, transition_id, 0 AS drawn FROM transitions
        UNION ALL
        SELECT run_id, transition_id, 1 FROM samples
    )
    GROUP BY run_id, transition_id
    -- Samples of transitions that the log does not have say nothing of those that it has.
    HAVING min(drawn) = 0
),

oldest AS (
    -- A run that has learned nothing yet has replayed nothing, and no row here.
    SELECT
        run_id,
        max(last_transition_id) - arg_max(capacity, update_id) + 1 AS oldest_in_buffer
    FROM updates
    GROUP BY run_id
),

counted AS (
    SELECT
        replayed.run_id,
        replayed.transition_id < oldest.oldest_in_buffer AS overwritten,
        replayed.times,
        count(*) AS transitions
    FROM replayed
    JOIN oldest USING (run_id)
    GROUP BY ALL
),

usual AS (
    -- The smallest count that 99% of the transitions do not exceed.
    SELECT run_id, min(times) AS most
    FROM (
        SELECT
            run_id,
            times,
            sum(transitions) OVER (PARTITION BY run_id ORDER BY times) AS so_far,
            sum(transitions) OVER (PARTITION BY run_id) AS total
        FROM counted
    )
    WHERE so_far >= 0.99 * total
    GROUP BY run_id
),

barred AS (
    SELECT
        counted.*,
        -- Bar 0 is of those that were never drawn, whatever the others hold.
        usual.most // (getvariable('bars') - 2) + 1 AS width,
        if(
            counted.times = 0,
            0,
            least((counted.times - 1) // width + 1, getvariable('bars') - 1)
        ) AS bar
    FROM counted
    JOIN usual USING (run_id)
)

SELECT
    run_id,
    overwritten,
    if(bar = 0, 0, (bar - 1) * any_value(width) + 1) AS replays_from,
    if(
        bar < getvariable('bars') - 1,
        bar * any_value(width),
        max(max(times)) OVER (PARTITION BY run_id, bar)
    ) AS replays_to,
    sum(transitions)::BIGINT AS transitions,
    sum(transitions * times)::BIGINT AS draws
FROM barred
GROUP BY run_id, overwritten, bar
ORDER BY run_id, bar, overwritten

-- name: replay_inequality
-- title: How unequally replays were distributed over the transitions: Gini coefficient and top shares
-- question: did a few transitions get most of the replays?
-- reading: a Gini coefficient of 0 is the same number of replays for all, 1 is all of them for one. Uniform
--     replay has about 0.56 / sqrt(r) at r replays a transition; prioritized replay is well above it.
--     top_1 and top_10 are the shares of the replays that the most replayed 1% and 10% got. Those that
--     are in the buffer still had unequal times, so look at the overwritten ones where there are some.
-- empty: no transition is stored
-- reads: transitions, samples
-- also_reads: updates

WITH oldest AS (
    SELECT run_id, max(last_transition_id - buffer_size + 1) AS oldest_id
    FROM updates
    GROUP BY run_id
),

replayed AS (
    SELECT run_id, transition_id, sum(drawn)::BIGINT AS replays
    FROM (
        SELECT DISTINCT run_id, transition_id, 0 AS drawn
        FROM transitions
        UNION ALL
        SELECT run_id, transition_id, 1
        FROM samples
    )
    WHERE transition_id IS NOT NULL
    GROUP BY run_id, transition_id
),

-- All transitions of one number of replays at once: they have the same place in the order.
counted AS (
    SELECT
        run_id,
        if(transition_id < oldest.oldest_id, 'overwritten', 'in the buffer') AS transitions_are,
        replays,
        count(*) AS members
    FROM replayed
    LEFT JOIN oldest USING (run_id)
    GROUP BY ALL
),

ranked AS (
    SELECT
        *,
        sum(members) OVER ascending AS up_to,
        sum(members) OVER everything AS total,
        sum(members * replays) OVER everything AS draws
    FROM counted
    WINDOW
        ascending AS (
            PARTITION BY run_id, transitions_are ORDER BY replays ROWS UNBOUNDED PRECEDING
        ),
        everything AS (PARTITION BY run_id, transitions_are)
)

SELECT
    run_id,
    transitions_are,
    any_value(total)::BIGINT AS transitions,
    any_value(draws)::BIGINT AS replays,
    any_value(draws) / any_value(total) AS mean_replays,
    max(replays) AS most_replays,
    -- The sum of (2 rank - total - 1) * replays over the members, whose ranks end at up_to.
    sum(replays * members * (2 * up_to - members - total))
        / nullif(any_value(total) * any_value(draws), 0) AS gini,
    sum(replays * greatest(0, least(members, up_to - 0.99 * total)))
        / nullif(any_value(draws), 0) AS top_1,
    sum(replays * greatest(0, least(members, up_to - 0.9 * total)))
        / nullif(any_value(draws), 0) AS top_10
FROM ranked
GROUP BY run_id, transitions_are
ORDER BY run_id, transitions_are DESC

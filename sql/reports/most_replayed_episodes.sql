-- name: most_replayed_episodes
-- title: The episodes whose transitions were replayed most
-- question: is the agent learning from a few episodes?
-- reading: an episode's transitions are a handful of the buffer. share is the part of all replays that they
--     got; compare a_transition, replays for each of its transitions, with the mean of the run.
-- reads: samples, transitions
-- also_reads: episodes
-- requires: transitions.episode_id
-- params: top BIGINT = 20 from 1

WITH drawn AS (
    SELECT run_id, transition_id, count(*) AS replays
    FROM samples
    GROUP BY run_id, transition_id
),

stored AS (
    SELECT DISTINCT ON (run_id, transition_id) run_id, transition_id, episode_id
    FROM transitions
    WHERE episode_id IS NOT NULL AND transition_id IS NOT NULL
),

counted AS (
    SELECT
        run_id,
        episode_id,
        count(*) AS transitions,
        coalesce(sum(drawn.replays), 0)::BIGINT AS replays
    FROM stored
    LEFT JOIN drawn USING (run_id, transition_id)
    GROUP BY run_id, episode_id
),

ranked AS (
    SELECT
        *,
        replays / nullif(sum(replays) OVER run, 0) AS share,
        sum(replays) OVER run / sum(transitions) OVER run AS mean
    FROM counted
    WINDOW run AS (PARTITION BY run_id)
    QUALIFY
        row_number() OVER (PARTITION BY run_id ORDER BY replays DESC, episode_id)
        <= getvariable('top')
),

games AS (
    SELECT DISTINCT ON (run_id, episode_id) run_id, episode_id, end_step, return_raw
    FROM episodes
    SEMI JOIN ranked USING (run_id, episode_id)
)

SELECT
    run_id,
    episode_id,
    games.end_step,
    games.return_raw,
    transitions,
    replays,
    share,
    replays / transitions AS a_transition,
    mean
FROM ranked
LEFT JOIN games USING (run_id, episode_id)
ORDER BY run_id, replays DESC, episode_id

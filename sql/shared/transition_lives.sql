-- name: transition_lives
-- title: From which update to which each transition could be drawn, and how it was
-- reads: transitions, samples, updates
-- needs: update_clock, batch_repeats, draws

-- Only transitions that some update could draw. The priority at the end of a life is the one it
-- began with and all changes since, which is exact: the sums are float64 and the priorities
-- float32.
--
-- expected is the sum over the stretches of constant priority of priority times the time on the
-- clock, summed by parts: (old - new) times the clock at each write-back, and the last priority
-- times the last clock less the first priority times the first. Of several copies in one batch the
-- last write-back counts.
--
-- clock_in and clock_first are the clock before and after the first update that could draw the
-- transition, replay_clock_before and replay_clock before and after the one that first drew it,
-- replay_draws times. Cost on 13M samples with two threads: 1.2 s.
WITH heads AS (
    SELECT
        run_id,
        last_id,
        min(update_id) AS update_id,
        min(clock_before) AS clock_before,
        min(clock) AS clock,
        any_value(eighth) AS eighth,
        any_value(first_id) AS first_id,
        any_value(block) AS block
    FROM shared.update_clock
    GROUP BY run_id, last_id
),
tails AS (
    SELECT
        run_id,
        oldest_id,
        max(update_id) AS update_id,
        max(clock) AS clock,
        max(eighth) AS eighth
    FROM shared.update_clock
    GROUP BY run_id, oldest_id
),
entered AS (
    SELECT
        t.run_id,
        t.transition_id,
        t.slot,
        t.priority::DOUBLE AS first_priority,
        heads.update_id AS first_update,
        heads.eighth AS first_eighth,
        heads.clock_before AS clock_in,
        heads.clock AS clock_first,
        heads.last_id = t.transition_id AS is_newest,
        (t.transition_id - heads.first_id) // heads.block AS cohort
    FROM transitions AS t
    ASOF JOIN heads ON heads.run_id = t.run_id AND heads.last_id >= t.transition_id
    WHERE t.priority IS NOT NULL
),
alive AS (
    SELECT
        e.*,
        tails.update_id AS last_update,
        tails.eighth AS last_eighth,
        tails.clock AS clock_out
    FROM entered AS e
    ASOF JOIN tails ON tails.run_id = e.run_id AND tails.oldest_id <= e.transition_id
    WHERE tails.update_id >= e.first_update
),
drawn AS (
    SELECT
        run_id,
        transition_id,
        count(*) AS draws,
        min(clock) AS replay_clock,
        min(clock_before) AS replay_clock_before,
        sum(priority_new::DOUBLE - priority) FILTER (is_last) AS gain,
        sum((priority::DOUBLE - priority_new) * clock) FILTER (is_last) AS moment
    FROM shared.draws
    GROUP BY run_id, transition_id
),
copies AS (
    SELECT r.run_id, r.transition_id, c.clock AS replay_clock, any_value(r.draws) AS draws
    FROM shared.batch_repeats AS r
    JOIN shared.update_clock AS c
        ON c.run_id = r.run_id
        AND c.update_id = r.update_id
        AND c.segment_id IS NOT DISTINCT FROM r.segment_id
    GROUP BY ALL
)
SELECT
    a.*,
    coalesce(d.draws, 0) AS draws,
    d.replay_clock,
    d.replay_clock_before,
    CASE WHEN d.draws > 0 THEN coalesce(copies.draws, 1) ELSE 0 END AS replay_draws,
    (a.first_priority + coalesce(d.gain, 0))::FLOAT::DOUBLE AS last_priority,
    coalesce(d.moment, 0)
        + (a.first_priority + coalesce(d.gain, 0)) * a.clock_out
        - a.first_priority * a.clock_in AS expected
FROM alive AS a
LEFT JOIN drawn AS d USING (run_id, transition_id)
LEFT JOIN copies USING (run_id, transition_id, replay_clock)

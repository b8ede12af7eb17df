-- name: wrong_beta
-- title: Beta against its schedule
-- severity: error
-- reads: updates
-- grain: run_id
-- groups: runs
-- needs: run_settings
-- also_reads: episodes
-- requires: config.beta_annealing, config.beta_start, config.beta_anneal_steps, updates.beta,
--     updates.env_step
-- diagnosis: beta is {beta} at update {update_id} (agent step {env_step}), where the config gives
--     {expected}: {cause} ({wrong} of {updates} updates)
-- why: beta says how much of the bias of prioritized draws the weights take away. Too small at the
--     end, and the run converges to something else; beyond 1, rare transitions weigh too much.
-- threshold: one step of all environments on the schedule's slope, or one episode where it moves by
--     episodes, because a trainer may count the one under way or not, and 4 * 2^-24 for a float32.
-- after: updates_out_of_order
-- cites: Schaul et al. 2016, section 3.4; keras-rl/keras-rl#212 and thu-ml/tianshou#386 (never
--     annealed), ray-project/ray#6973 and y-kamiya ae32207 (beyond 1)

WITH settings AS MATERIALIZED (
    SELECT
        run_id,
        (config ->> '$.beta_annealing') = 'true' AS annealing,
        TRY_CAST(config ->> '$.beta_start' AS DOUBLE) AS beta_start,
        coalesce(TRY_CAST(config ->> '$.beta_anneal_episodes' AS DOUBLE), 0) > 0 AS by_episodes,
        TRY_CAST(
            config ->> if(by_episodes, '$.beta_anneal_episodes', '$.beta_anneal_steps') AS DOUBLE
        ) AS anneal_over,
        if(
            (config ->> '$.random_warm_up') = 'true',
            TRY_CAST(config ->> '$.learning_starts' AS BIGINT),
            -1
        ) AS warm_up_steps,
        TRY_CAST(coalesce(config ->> '$.num_envs', '1') AS DOUBLE) AS num_envs,
        TRY_CAST(coalesce(config ->> '$.frame_skip', '1') AS DOUBLE) AS frame_skip
    FROM shared.run_settings
),
-- Episodes of a random warm-up do not move beta.
episodes_ended AS (
    SELECT run_id, end_step, count(*) OVER (PARTITION BY run_id ORDER BY end_step) AS ended
    FROM episodes
    JOIN settings USING (run_id)
    WHERE by_episodes AND (phase = 'eval') IS NOT TRUE AND start_step - 1 > warm_up_steps
),
resumes AS (
    SELECT run_id, segment_id, resume_step FROM segments WHERE resumed_from IS NOT NULL
),
scheduled AS (
    SELECT
        u.run_id,
        u.segment_id,
        u.update_id,
        u.env_step,
        u.beta,
        s.* EXCLUDE (run_id),
        r.resume_step,
        (1 - s.beta_start) / nullif(s.anneal_over, 0) AS slope,
        if(s.by_episodes, coalesce(e.ended, 0), u.env_step) AS done,
        s.beta_start + if(s.annealing, slope * least(s.anneal_over, done), 0) AS expected
    FROM updates AS u
    JOIN settings AS s USING (run_id)
    ASOF LEFT JOIN episodes_ended AS e ON e.run_id = u.run_id AND u.env_step > e.end_step
    LEFT JOIN resumes AS r
        ON r.run_id = u.run_id AND r.segment_id = u.segment_id
    WHERE u.beta IS NOT NULL AND u.env_step IS NOT NULL
),
judged AS (
    SELECT
        *,
        if(annealing, abs(slope) * if(by_episodes, 1, coalesce(num_envs, 1)), 0)
            + 4 * pow(2, -24) AS tolerance,
        (abs(beta - expected) <= tolerance) IS FALSE AS is_wrong
    FROM scheduled
),
found AS (
    SELECT
        run_id,
        count(*) AS updates,
        count(*) FILTER (is_wrong) AS wrong,
        -- The worst one tells most about the cause.
        arg_max(judged, (abs(beta - expected), update_id)) FILTER (is_wrong) AS worst,
        min(beta) AS lowest,
        max(beta) AS highest
    FROM judged
    GROUP BY run_id
    HAVING count(*) FILTER (is_wrong) > 0
)
SELECT
    run_id,
    worst.segment_id AS segment_id,
    worst.update_id AS update_id,
    worst.env_step AS env_step,
    worst.beta AS beta,
    worst.expected AS expected,
    lowest,
    highest,
    wrong,
    updates,
    coalesce(
        list_filter(
            [
                {
                    'value': if(worst.annealing AND lowest = highest, lowest, NULL),
                    'cause': 'it is the same in all updates, and the config anneals it to 1'
                },
                {
                    'value': worst.beta_start + worst.slope * worst.done,
                    'cause': if(
                        worst.annealing,
                        'the schedule goes on beyond 1',
                        'the config does not anneal it'
                    )
                },
                {
                    'value': if(
                        worst.resume_step IS NULL,
                        NULL,
                        worst.beta_start
                            + worst.slope
                            * least(worst.anneal_over, worst.env_step - worst.resume_step)
                    ),
                    'cause': 'the schedule started again on resume'
                },
                {
                    'value': worst.beta_start
                        + worst.slope * least(worst.anneal_over, worst.update_id),
                    'cause': 'it is annealed by updates and not by agent steps'
                },
                {
                    'value': worst.beta_start
                        + worst.slope
                        * least(worst.anneal_over, worst.env_step * worst.frame_skip),
                    'cause': 'it is annealed by frames and not by agent steps'
                },
                {
                    'value': worst.beta_start
                        + worst.slope
                        * least(worst.anneal_over, worst.env_step / nullif(worst.num_envs, 0)),
                    'cause': 'it is annealed by steps of one environment'
                },
                {
                    'value': 1 - worst.expected,
                    'cause': 'it is 1 less the exponent that is meant'
                }
            ],
            lambda known:
                abs(worst.beta - known.value) <= worst.tolerance + abs(worst.slope)
                AND abs(worst.expected - known.value) > worst.tolerance
        )[1].cause,
        'none of the known mistakes gives that value'
    ) AS cause
FROM found

-- name: priority_not_as_written
-- title: Continuity: the priority of a draw against the last write to its transition
-- severity: error
-- reads: samples, updates
-- grain: run_id, update_id, batch_index
-- groups: samples
-- needs: run_settings, histories, priority_gaps, sampled_batches
-- requires: samples.priority, samples.priority_new
-- diagnosis: update {update_id} drew transition {transition_id} (batch position {batch_index})
--     with priority {priority}, where {last_write} had left {expected}: {cause} ({found} such
--     draws)
-- why: draws follow the priorities that the tree holds, and learning believes that they are those
--     of the last errors. A write that is lost, late, done twice or done to another slot makes the
--     replay dwell on the wrong transitions, and no loss curve shows it.
-- assumes: update ids are consecutive, and priorities are written before the next batch is drawn.
--     Where updates between two draws are missing from the log nothing is concluded from them.
-- threshold: 4 * 2^-24 of the priority: two float32 renderings of one leaf.
-- after: priorities_never_change, write_back_after_overwrite
-- cites: Schaul et al. 2016, Algorithm 1, lines 11 and 12; vwxyzjn/cleanrl#511,
--     ray-project/ray#6534 and pytorch/rl#4041 (written to a slot that was filled anew),
--     ShangtongZhang/DeepRL#85 (not written)

-- What another draw wrote is looked for in the first thousand rows of a run: those are the ones
-- that are shown.
WITH gaps AS MATERIALIZED (
    SELECT
        g.*,
        now.segment_id,
        row_number() OVER (PARTITION BY g.run_id ORDER BY g.update_id, g.batch_index) AS place
    FROM shared.priority_gaps AS g
    JOIN shared.sampled_batches AS now ON now.history = g.history AND now.update_id = g.update_id
    LEFT JOIN shared.sampled_batches AS before
        ON before.history = g.history AND before.update_id = g.last_update_id
    WHERE if(
        g.last_update_id IS NULL,
        now.complete,
        now.ordinal - before.ordinal = g.update_id - g.last_update_id
    )
),
wanted AS MATERIALIZED (
    SELECT DISTINCT run_id, history, priority FROM gaps WHERE place <= 1000
),
-- Who first wrote a value that is shown, and how many did.
writers AS (
    SELECT
        w.history,
        w.priority,
        min(s.update_id) AS update_id,
        arg_min(s.transition_id, s.update_id) AS transition_id,
        count(*) AS writes
    FROM samples AS s
    JOIN shared.histories AS h
        ON h.run_id = s.run_id AND h.segment_id IS NOT DISTINCT FROM s.segment_id
    JOIN wanted AS w ON w.history = h.history AND w.priority = s.priority_new
    GROUP BY w.history, w.priority
),
resumes AS (
    SELECT run_id, segment_id, resume_update_id, resume_transition_id
    FROM segments
    WHERE resumed_from IS NOT NULL
),
settings AS (
    SELECT run_id, TRY_CAST(config ->> '$.alpha' AS DOUBLE) AS alpha FROM shared.run_settings
)
SELECT
    g.run_id,
    g.segment_id,
    g.update_id,
    g.batch_index,
    g.transition_id,
    g.priority,
    g.expected,
    g.last_update_id,
    g.priority_before,
    if(
        g.last_update_id IS NULL,
        'its insertion',
        if(
            g.last_update_id = g.update_id,
            'the draw of an earlier copy in the batch',
            'update ' || g.last_update_id
        )
    ) AS last_write,
    CASE
        WHEN isnan(g.priority) THEN 'it is not a number'
        WHEN g.last_update_id = g.update_id
            THEN 'copies in one batch are drawn before any of them is written'
        WHEN coalesce(
            g.last_update_id <= r.resume_update_id, g.transition_id <= r.resume_transition_id
        )
            THEN 'the run was resumed in between, and what it resumed from had another priority'
        WHEN g.priority = g.priority_before
            THEN 'it is what it was before that write, '
                || if(
                    g.update_id = g.last_update_id + 1,
                    'one update',
                    (g.update_id - g.last_update_id) || ' updates'
                )
                || ' ago: update_priorities lost the write, or it comes late'
        WHEN w.transition_id = g.transition_id AND w.update_id < g.update_id
            THEN 'it is what update ' || w.update_id || ' had left: an old value came back'
        WHEN w.update_id = g.last_update_id
            THEN 'that update wrote it to transition ' || w.transition_id
                || ' of the same batch: update_priorities pairs slots with errors of others'
        WHEN w.update_id < g.update_id AND w.writes = 1
            THEN 'update ' || w.update_id || ' wrote that value to transition ' || w.transition_id
                || ': update_priorities hit another slot'
        WHEN abs(g.priority - pow(abs(g.expected::DOUBLE), s.alpha)) <= 1e-5 * g.priority
            THEN 'it is that value to the power of alpha = ' || s.alpha
                || ' once more: the exponent is applied twice'
        WHEN abs(pow(abs(g.priority::DOUBLE), s.alpha) - g.expected) <= 1e-5 * g.expected
            THEN 'it is that value without the exponent alpha = ' || s.alpha
        WHEN g.priority = 0 THEN 'its leaf is zero, as in a slot that was cleared or never written'
        WHEN g.priority IN (round(g.expected), floor(g.expected))
            THEN 'the tree keeps whole numbers'
        WHEN g.last_update_id IS NULL
            THEN 'something wrote to it before its first draw'
        ELSE 'nothing in the log wrote that value to it'
    END AS cause
FROM gaps AS g
LEFT JOIN writers AS w ON w.history = g.history AND w.priority = g.priority
LEFT JOIN settings AS s ON s.run_id = g.run_id
LEFT JOIN resumes AS r
    ON r.run_id = g.run_id AND r.segment_id IS NOT DISTINCT FROM g.segment_id

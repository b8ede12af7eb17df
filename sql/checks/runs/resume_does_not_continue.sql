-- name: resume_does_not_continue
-- title: A resumed run goes on where its checkpoint ended
-- severity: error
-- reads: raw.segments
-- also_reads: raw.updates, raw.transitions, raw.episodes
-- grain: run_id, segment_id, problem
-- groups: segments
-- diagnosis: run {run_id} was resumed at agent step {resume_step} by process {pid}, which {problem}
-- why: steps that are logged again or left out after a resume bend every curve over steps, and a
--     count that starts anew repeats schedules (beta, epsilon, target copies) that were done.
-- false_alarms: none; exact
-- cites: wandb/wandb#6728, allenai/tango#152

WITH resumed AS (
    SELECT * FROM raw.segments WHERE resumed_from IS NOT NULL
),
learned AS (
    SELECT
        u.run_id,
        u.segment_id,
        min(u.update_id) AS first_update_id,
        max(u.update_id) AS last_update_id,
        min(u.env_step) AS first_env_step
    FROM raw.updates AS u
    SEMI JOIN resumed USING (run_id)
    GROUP BY u.run_id, u.segment_id
),
stored AS (
    SELECT
        t.run_id,
        t.segment_id,
        min(t.transition_id) AS first_transition_id,
        max(t.transition_id) AS last_transition_id
    FROM raw.transitions AS t
    SEMI JOIN resumed USING (run_id)
    GROUP BY t.run_id, t.segment_id
),
played AS (
    SELECT e.run_id, e.segment_id, min(e.end_step) AS first_end_step
    FROM raw.episodes AS e
    SEMI JOIN resumed USING (run_id)
    WHERE e.phase = 'train'
    GROUP BY e.run_id, e.segment_id
),
-- How far the log goes in the segments before each resumed one.
earlier AS (
    SELECT
        r.run_id,
        r.segment_id,
        max(l.last_update_id) AS last_update_id,
        max(s.last_transition_id) AS last_transition_id
    FROM resumed AS r
    JOIN raw.segments AS b ON b.run_id = r.run_id AND b.ordinal < r.ordinal
    LEFT JOIN learned AS l ON l.run_id = b.run_id AND l.segment_id = b.segment_id
    LEFT JOIN stored AS s ON s.run_id = b.run_id AND s.segment_id = b.segment_id
    GROUP BY r.run_id, r.segment_id
),
judged AS (
    SELECT
        r.run_id,
        r.segment_id,
        r.pid,
        r.resume_step,
        unnest([
            CASE
                WHEN r.resume_step IS NULL THEN 'does not say at which step it goes on'
                WHEN r.start_step <> r.resume_step
                    THEN 'counts on from step ' || r.start_step || ' instead'
            END,
            CASE
                WHEN l.first_update_id <= r.resume_update_id
                    THEN 'logs update ' || l.first_update_id || ' again, where the checkpoint has all up to '
                        || r.resume_update_id
                WHEN l.first_update_id > r.resume_update_id + 1
                    THEN 'goes on with update ' || l.first_update_id || ', where the checkpoint ends at '
                        || r.resume_update_id
            END,
            CASE
                WHEN s.first_transition_id <= r.resume_transition_id
                    THEN 'stores transition ' || s.first_transition_id
                        || ' again, where the checkpoint has all up to ' || r.resume_transition_id
                WHEN s.first_transition_id > r.resume_transition_id + 1
                    THEN 'goes on with transition ' || s.first_transition_id
                        || ', where the checkpoint ends at ' || r.resume_transition_id
            END,
            CASE
                WHEN l.first_env_step < r.resume_step
                    THEN 'logs an update at step ' || l.first_env_step || ' again'
            END,
            CASE
                WHEN p.first_end_step <= r.resume_step
                    THEN 'logs an episode again that ended at step ' || p.first_end_step
            END,
            CASE
                WHEN b.last_update_id < r.resume_update_id
                    THEN 'goes on from update ' || r.resume_update_id
                        || ', and the log has none after ' || b.last_update_id
            END,
            CASE
                WHEN b.last_transition_id < r.resume_transition_id
                    THEN 'goes on from transition ' || r.resume_transition_id
                        || ', and the log has none after ' || b.last_transition_id
            END
        ]) AS problem
    FROM resumed AS r
    LEFT JOIN learned AS l ON l.run_id = r.run_id AND l.segment_id = r.segment_id
    LEFT JOIN stored AS s ON s.run_id = r.run_id AND s.segment_id = r.segment_id
    LEFT JOIN played AS p ON p.run_id = r.run_id AND p.segment_id = r.segment_id
    LEFT JOIN earlier AS b ON b.run_id = r.run_id AND b.segment_id = r.segment_id
)
SELECT *
FROM judged
WHERE problem IS NOT NULL

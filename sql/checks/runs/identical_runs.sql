-- name: identical_runs
-- title: Runs that are the same run
-- severity: warning
-- reads: updates, runs
-- grain: run_id
-- groups: runs = runs
-- needs: run_beginnings
-- diagnosis: runs {run_id} and {twin} have the same settings, the same seed ({seed}) and the same
--     losses in all {updates} updates, so they are one run twice; a mean over runs counts it double
-- why: a run that is counted twice narrows the spread between seeds without any new data.
-- threshold: all losses equal, and both runs finished
-- false_alarms: a run that was repeated on purpose, to show that it can be repeated
-- cites: DLR-RM/stable-baselines3#852 (lines doubled)

WITH candidates AS (
    SELECT a.run_id, a.twin, a.seed
    FROM shared.run_beginnings AS a
    JOIN shared.run_beginnings AS b ON b.run_id = a.twin
    WHERE a.run_id <> a.twin
        AND a.seed = b.seed
        AND a.config_hash = b.config_hash
),
chosen AS (
    SELECT run_id FROM candidates
    UNION
    SELECT twin FROM candidates
),
finished AS (
    SELECT run_id
    FROM segments
    GROUP BY run_id
    HAVING bool_or(state = 'finished')
),
contents AS (
    SELECT u.run_id, count(*) AS updates, bit_xor(hash(u.update_id, u.loss)) AS fingerprint
    FROM updates AS u
    SEMI JOIN chosen USING (run_id)
    SEMI JOIN finished USING (run_id)
    GROUP BY u.run_id
)
SELECT c.run_id, c.twin, c.seed, a.updates
FROM candidates AS c
JOIN contents AS a ON a.run_id = c.run_id
JOIN contents AS b ON b.run_id = c.twin
WHERE a.updates = b.updates AND a.fingerprint = b.fingerprint

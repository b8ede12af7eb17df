-- name: redraws_unlike_priorities
-- title: Draws soon after a write-back against the priority written, in logs without transitions
-- severity: error
-- reads: samples, updates
-- grain: run_id, bucket
-- groups: runs
-- needs: redraws
-- requires: samples.priority_new, updates.priority_total, updates.last_transition_id,
--     updates.buffer_size, updates.batch_size
-- params: alpha DOUBLE = 6.7e-4 from 0 to 1
-- diagnosis: transitions of run {run_id} to which priorities from {low} to {high} were written had
--     {observed} draws at their next replay within 200 updates, where {expected} are due; a sound
--     sampler is as far off with a chance of at most {chance}
-- why: this is the test of draws against priorities for a log that has no transitions: what was
--     written back is known, and how soon it is drawn again must follow from it.
-- assumes: the log has no row in transitions for the run (draws_unlike_priorities judges those that
--     have), every sample of each update, and write-backs that reach the tree.
-- threshold: chance at most alpha, with 2 G exp(-n KL) as the bound over the G buckets of half a
--     power of two. Each write-back is followed for 200 updates, until its transition is drawn
--     again; only transitions that are in the buffer as long are followed.
-- false_alarms: at most alpha a run, 1% over the fifteen tests of an audit.
-- cites: Schaul et al. 2016, eq. 1.

WITH tested AS (
    SELECT
        *,
        count(*) OVER run AS groups
    FROM shared.redraws
    WINDOW run AS (PARTITION BY run_id)
),
judged AS (
    SELECT
        *,
        CASE WHEN observed > 0 THEN observed * ln(observed / expected) ELSE 0 END
            + CASE
                WHEN draws > observed AND draws > expected
                THEN (draws - observed) * ln((draws - observed) / (draws - expected))
                ELSE 0
            END AS exponent
    FROM tested
)
SELECT
    run_id,
    bucket,
    pow(2, bucket / 2) AS low,
    pow(2, (bucket + 1) / 2) AS high,
    observed::BIGINT AS observed,
    expected,
    least(1, 2 * groups * exp(-exponent)) AS chance
FROM judged
WHERE 2 * groups * exp(-exponent) <= getvariable('alpha')

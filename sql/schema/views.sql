-- What a user queries: the tables without the rows that a resume made obsolete.
--
-- A run that is resumed from a checkpoint does again what its killed predecessor did after that
-- checkpoint, under the same ids. Those first attempts stay in raw, and are left out here.
-- Nothing else is left out: a true duplicate still shows.

-- Up to where each segment's rows are part of the run: the earliest checkpoint that any later
-- segment of the run went back to. NULL where none did.
CREATE OR REPLACE VIEW raw.segment_cuts AS
SELECT
    earlier.run_id,
    earlier.segment_id,
    min(later.resume_step) AS last_step,
    -- Of the earliest one: an evaluation at its step may have come before it or after it.
    min([later.resume_step, later.resume_episode_id])[2] AS last_episode_id,
    min(later.resume_transition_id) AS last_transition_id,
    min(later.resume_update_id) AS last_update_id
FROM raw.segments AS earlier
JOIN raw.segments AS later
    ON later.run_id = earlier.run_id
    AND later.ordinal > earlier.ordinal
    AND later.resumed_from IS NOT NULL
GROUP BY earlier.run_id, earlier.segment_id;

CREATE OR REPLACE VIEW runs AS SELECT * FROM raw.runs;

CREATE OR REPLACE VIEW segments AS SELECT * FROM raw.segments;

CREATE OR REPLACE VIEW episodes AS
SELECT e.*
FROM raw.episodes AS e
LEFT JOIN raw.segment_cuts AS cut USING (run_id, segment_id)
WHERE (
    e.end_step > cut.last_step
    OR (e.phase = 'eval' AND e.end_step = cut.last_step AND e.episode_id > cut.last_episode_id)
) IS NOT TRUE;

CREATE OR REPLACE VIEW transitions AS
SELECT t.*
FROM raw.transitions AS t
LEFT JOIN raw.segment_cuts AS cut USING (run_id, segment_id)
WHERE (t.transition_id > cut.last_transition_id) IS NOT TRUE;

CREATE OR REPLACE VIEW updates AS
SELECT u.*
FROM raw.updates AS u
LEFT JOIN raw.segment_cuts AS cut USING (run_id, segment_id)
WHERE (u.update_id > cut.last_update_id) IS NOT TRUE;

CREATE OR REPLACE VIEW samples AS
SELECT s.*
FROM raw.samples AS s
LEFT JOIN raw.segment_cuts AS cut USING (run_id, segment_id)
WHERE (s.update_id > cut.last_update_id) IS NOT TRUE;

CREATE OR REPLACE VIEW events AS
SELECT e.*
FROM raw.events AS e
LEFT JOIN raw.segment_cuts AS cut USING (run_id, segment_id)
WHERE (
    e.env_step > cut.last_step
    OR (
        e.kind = 'evaluation'
        AND e.env_step = cut.last_step
        AND TRY_CAST(e.detail ->> '$.first_episode_id' AS BIGINT) > cut.last_episode_id
    )
) IS NOT TRUE;

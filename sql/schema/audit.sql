-- The history of audits: what each said of each log, passes included.
--
-- Times are UTC, steps are agent steps. Nothing here is ever changed or deleted by rlaudit.

-- The version of this schema. A file of another version is refused by name.
CREATE TABLE audit_schema_version (
    version INTEGER,
    rlaudit_version VARCHAR,
    created_at TIMESTAMP
);

-- One row an audit of one log.
CREATE TABLE audits (
    audit_id VARCHAR,
    audited_at TIMESTAMP,
    source VARCHAR,              -- absolute path of the log
    rlaudit_version VARCHAR,
    look INTEGER,                -- which look at a growing log it was, from 1
    incomplete VARCHAR,          -- what of the log could not be read; NULL if nothing
    problems VARCHAR[]           -- what could not be done
);

-- One row an audit and run: how much of the run was there.
CREATE TABLE audited_runs (
    audit_id VARCHAR,
    run_id VARCHAR,
    table_rows MAP(VARCHAR, BIGINT),   -- rows by table, obsolete ones included
    last_update_id BIGINT,
    last_transition_id BIGINT,
    last_episode_id BIGINT,
    last_env_step BIGINT
);

-- One row an audit, check and run. A check that could judge no run, or that failed, has one row
-- whose run_id is NULL.
CREATE TABLE verdicts (
    audit_id VARCHAR,
    check_name VARCHAR,
    family VARCHAR,
    run_id VARCHAR,
    fingerprint VARCHAR,   -- of the text of the check and of the shared files that it needs
    severity VARCHAR,      -- error or warning
    status VARCHAR,        -- pass, fail, not_applicable or error
    wrong_rows BIGINT,     -- NULL if nothing was judged
    diagnosis VARCHAR,     -- NULL unless it fails
    message VARCHAR        -- why it does not apply, or how it failed
);

-- What a user queries: every verdict with the time and the log.
CREATE VIEW history AS
SELECT a.audited_at, a.source, v.*
FROM verdicts AS v
JOIN audits AS a USING (audit_id);

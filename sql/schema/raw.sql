-- The tables of a replay log, as they are written.
--
-- No table has a PRIMARY KEY, a UNIQUE constraint or an index: a duplicate must be storable so
-- that it can be found. Steps are agent steps over all environments, counted from 1; times are UTC.
-- A NULL is a figure that the trainer did not give.

CREATE SCHEMA IF NOT EXISTS raw;

-- The version of this schema. An older file is migrated or refused by name.
CREATE TABLE raw.schema_version (
    version INTEGER,
    rlaudit_version VARCHAR,
    created_at TIMESTAMP
);

-- One row a run.
CREATE TABLE raw.runs (
    run_id VARCHAR,            -- names the run in every table
    name VARCHAR,              -- what the user calls it; need not be unique
    env_id VARCHAR,            -- environment that was trained on
    config JSON,               -- every setting, in the vocabulary of the config reference
    config_hash VARCHAR,       -- equal for runs whose settings agree in all but the seed
    seed BIGINT,               -- seed of the run
    source VARCHAR,            -- which trainer wrote it: rlaudit, or an adapter's name
    versions JSON,             -- versions of Python and of the packages that matter
    host VARCHAR,              -- machine it began on
    pid INTEGER,               -- process it began in
    started_at TIMESTAMP       -- when it began
);

-- One row a process that worked on a run.
CREATE TABLE raw.segments (
    run_id VARCHAR,
    segment_id VARCHAR,              -- random, so that two processes under one run id differ
    ordinal INTEGER,                 -- 0 for the process that began the run, then 1, 2, ...
    resumed_from VARCHAR,            -- segment whose checkpoint it continues; NULL if none
    resume_step BIGINT,              -- last agent step that the checkpoint contains
    resume_episode_id BIGINT,        -- last episode that was finished by then
    resume_transition_id BIGINT,     -- last transition that was stored by then
    resume_update_id BIGINT,         -- last update that was done by then
    start_step BIGINT,               -- agent steps done when it began
    end_step BIGINT,                 -- agent steps done at the last heartbeat
    open_episodes INTEGER,           -- episodes under way at the last heartbeat
    open_episode_steps BIGINT,       -- agent steps in them so far
    state VARCHAR,                   -- running, finished, interrupted or failed
    host VARCHAR,
    pid INTEGER,
    versions JSON,
    started_at TIMESTAMP,
    heartbeat_at TIMESTAMP,          -- last sign of life
    ended_at TIMESTAMP,              -- NULL while running, and for ever if it was killed
    rows_offered MAP(VARCHAR, BIGINT),   -- by table: handed to the recorder
    rows_written MAP(VARCHAR, BIGINT),   -- by table: in this file
    rows_spooled MAP(VARCHAR, BIGINT),   -- by table: in the spool beside this file
    rows_dropped MAP(VARCHAR, BIGINT)    -- by table: lost, and known to be
);

-- One row a finished episode: a whole game, whatever number of lives it has.
CREATE TABLE raw.episodes (
    run_id VARCHAR,
    segment_id VARCHAR,
    -- Counts the episodes of a run in the order in which they began; below 0 are those that
    -- rlaudit eval played, whose segment_id is in no row of raw.segments.
    episode_id BIGINT,
    env_index INTEGER,         -- which of the parallel environments
    phase VARCHAR,             -- train or eval
    -- Both steps of an eval episode are the step of training after which it was played.
    start_step BIGINT,         -- agent step of its first action
    end_step BIGINT,           -- agent step of its last action
    length INTEGER,            -- agent steps it took
    return_raw DOUBLE,         -- sum of the environment's rewards
    return_clipped DOUBLE,     -- sum of the rewards that were learned from
    terminated BOOLEAN,        -- the game ended
    truncated BOOLEAN,         -- a limit ended it
    lives_lost INTEGER,        -- NULL where the game has no lives
    seed BIGINT,               -- seed the environment was reset with
    first_obs_hash UBIGINT,    -- hash of its first observation
    action_hash UBIGINT,       -- hash of its sequence of actions
    observation_hash UBIGINT,  -- hash of its sequence of observations
    noise_draws INTEGER,       -- how many distinct noise draws acted in it
    ended_at TIMESTAMP
);

-- One row a stored transition: a window of up to n rewards.
CREATE TABLE raw.transitions (
    run_id VARCHAR,
    segment_id VARCHAR,
    transition_id BIGINT,      -- counts the stored transitions of a run; never reused
    slot INTEGER,              -- place in the replay's ring
    generation INTEGER,        -- how often the slot had been filled before
    env_index INTEGER,         -- environment, episode and step of the window's first state ...
    episode_id BIGINT,
    episode_step INTEGER,
    env_step BIGINT,           -- agent step of its action
    end_env_index INTEGER,     -- ... and of the state that it bootstraps from
    end_episode_id BIGINT,
    end_episode_step INTEGER,
    action INTEGER,
    reward_raw FLOAT,          -- reward of its own step, as the environment gave it
    reward_clipped FLOAT,      -- the same, as it is learned from
    n_rewards INTEGER,         -- rewards in the window: n, or fewer at an episode's end
    reward_sum DOUBLE,         -- sum of gamma^i times the window's clipped rewards
    discount DOUBLE,           -- gamma^n_rewards: what the bootstrapped value is multiplied with
    terminated BOOLEAN,        -- nothing is bootstrapped
    truncated BOOLEAN,         -- a limit ended the episode; its last state is bootstrapped
    priority FLOAT,            -- leaf it entered the sum tree with
    obs_hash UBIGINT,          -- hash of the newest frame of its first state
    next_obs_hash UBIGINT,     -- hash of the newest frame of the state it bootstraps from
    noise_draw BIGINT          -- noise draw that chose the action
);

-- One row a learner update.
CREATE TABLE raw.updates (
    run_id VARCHAR,
    segment_id VARCHAR,
    update_id BIGINT,             -- counts the updates of a run
    env_step BIGINT,              -- agent steps done before it
    last_transition_id BIGINT,    -- newest transition that it could draw
    buffer_size BIGINT,           -- transitions that it could draw
    capacity BIGINT,              -- transitions that the replay can hold
    batch_size INTEGER,           -- transitions that it drew
    loss DOUBLE,                  -- mean of the weighted losses of its samples
    alpha FLOAT,                  -- exponent of the priorities
    beta DOUBLE,                  -- exponent of the weights
    priority_total DOUBLE,        -- root of the sum tree when the batch was drawn
    leaf_sum DOUBLE,              -- sum over the leaves at that time; given now and then
    max_priority FLOAT,           -- leaf that a new transition would have entered with
    weight_normaliser DOUBLE,     -- what the raw weights were divided by
    sampling_attempts INTEGER,    -- draws that the batch took, rejected ones included
    grad_norm FLOAT,              -- norm of the gradient before it was clipped
    q_mean FLOAT,                 -- mean value of the actions in the batch
    noise_online BIGINT,          -- noise draws of the pass through the online net,
    noise_target BIGINT,          -- of the pass through the target net,
    noise_select BIGINT,          -- and of the pass that selected the next action
    target_synced BOOLEAN,        -- the target net was copied after this update
    mass_error FLOAT,             -- worst abs(mass - 1) among the projected distributions
    probe_batch_index INTEGER,    -- the one batch position that the rest of the columns describe
    probe_mass DOUBLE,            -- mass that was drawn for it, in [0, priority_total)
    probe_obs_hash UBIGINT,       -- hash of the newest frame of the state as it was rebuilt
    probe_stack_hash UBIGINT,     -- hash of the whole rebuilt state
    probe_frames INTEGER,         -- frames in it that are not padding
    probe_first_episode_id BIGINT,   -- episode and step of its oldest frame ...
    probe_first_step INTEGER,
    probe_last_episode_id BIGINT,    -- ... and of its newest
    probe_last_step INTEGER,
    elapsed_seconds FLOAT         -- wall time since the process began to train
);

-- One row a sampled transition.
CREATE TABLE raw.samples (
    run_id VARCHAR,
    segment_id VARCHAR,
    update_id BIGINT,             -- update that drew it
    batch_index INTEGER,          -- position in the batch; the stratum, where draws are stratified
    transition_id BIGINT,         -- transition that was drawn
    slot INTEGER,                 -- slot it was drawn from
    generation INTEGER,           -- generation of the slot at the draw ...
    generation_written INTEGER,   -- ... and when its priority was written back
    priority FLOAT,               -- leaf at the draw
    weight_raw FLOAT,             -- (size * priority / priority_total)^-beta
    weight FLOAT,                 -- the same over the update's normaliser
    td_error FLOAT,               -- TD error; under C51 the KL divergence that is minimised
    priority_new FLOAT            -- leaf that was written back
);

-- One row an event.
CREATE TABLE raw.events (
    run_id VARCHAR,
    segment_id VARCHAR,
    happened_at TIMESTAMP,
    env_step BIGINT,
    -- checkpoint, resume, evaluation, interrupt, nan, spool, run_renamed, rows_lost, ...
    kind VARCHAR,
    detail JSON
);

-- Spool files whose rows are in this file, so that none is folded in twice.
CREATE TABLE raw.spool_folded (
    file VARCHAR,
    folded_at TIMESTAMP
);

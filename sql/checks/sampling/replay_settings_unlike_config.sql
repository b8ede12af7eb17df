-- name: replay_settings_unlike_config
-- title: Batch size and capacity of the updates against the config
-- severity: error
-- reads: updates, runs
-- grain: run_id, setting
-- groups: runs
-- needs: run_settings
-- requires: updates.update_id
-- diagnosis: in {updates} updates of run {run_id} the {setting} is not the config's {stated}, the
--     first of them update {first_update} with {logged}
-- why: a setting that is not in force makes a run something else than its config says, and every
--     comparison by that setting wrong.
-- cites: chainer/chainerrl#567 and #465 (a flag is ignored).

WITH stated AS (
    SELECT
        run_id,
        (config ->> '$.batch_size')::BIGINT AS batch_size,
        (config ->> '$.capacity')::BIGINT AS capacity
    FROM shared.run_settings
),
logged AS (
    SELECT
        u.run_id,
        u.update_id,
        unnest(['batch size', 'capacity']) AS setting,
        unnest([u.batch_size::BIGINT, u.capacity]) AS logged,
        unnest([stated.batch_size, stated.capacity]) AS stated
    FROM updates AS u
    JOIN stated USING (run_id)
    WHERE u.batch_size <> stated.batch_size OR u.capacity <> stated.capacity
)
SELECT
    run_id,
    setting,
    count(*) AS updates,
    min(update_id) AS first_update,
    arg_min(logged, update_id) AS logged,
    any_value(stated) AS stated
FROM logged
WHERE logged <> stated
GROUP BY run_id, setting

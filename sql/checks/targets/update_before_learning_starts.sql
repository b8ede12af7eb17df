-- name: update_before_learning_starts
-- title: Updates before the step at which learning starts
-- severity: error
-- reads: updates
-- grain: run_id, update_id
-- groups: updates
-- needs: window_settings
-- requires: config.learning_starts, updates.env_step
-- diagnosis: update {update_id} of run {run_id} was done after {env_step} agent steps, and learning
--     starts at {learning_starts}; {found} updates are too early
-- why: the first updates are drawn from a handful of transitions of the same game, and their
--     priorities and the network's first values are made by those.
-- incremental: update_id
-- after: updates_out_of_order
-- cites: Mnih et al. 2015, extended data table 1 (replay start size)

SELECT u.run_id, u.update_id, u.env_step, s.learning_starts
FROM updates AS u
JOIN shared.window_settings AS s USING (run_id)
WHERE u.env_step < s.learning_starts

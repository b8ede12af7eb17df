-- name: setting_ignored
-- title: Settings that matter change what a run does
-- severity: error
-- reads: updates, runs
-- grain: run_id, setting
-- groups: runs = runs
-- needs: run_settings, run_beginnings
-- diagnosis: runs {run_id} and {twin} have {setting} = {value} and {twin_value}, and the losses of
--     their first 20 updates agree to the last digit ({first_loss} to {last_loss}), so {setting} is
--     ignored: {reason}
-- why: a setting that is read and not used makes an ablation compare a method with itself.
-- threshold: twenty equal losses, ten distinct ones among them
-- false_alarms: none where a seed decides all randomness; with other randomness the check is blind
-- assumes: a setting is judged only where it must show within twenty updates. Left out are those
--     that need not show so soon (steps, episodes, capacity, target_sync_agent_steps, max_grad_norm,
--     insert_priority, weight_normaliser, importance_sampling and beta_start while no sampled
--     priority has changed, reward_clip, terminal_on_life_loss, max_episode_steps, noop_max,
--     sticky_actions, replacement, epsilon_greedy_*, learning_starts within one step of all
--     environments), those that can agree (double without noise as long as both nets prefer the
--     same actions, huber and squared losses of small errors), those that may vanish in rounding
--     (adam_epsilon, priority_epsilon, beta_annealing, beta_anneal_steps), and those that never
--     change training (preset, device, eval_*)
-- cites: chainer/chainerrl#567, chainer/chainerrl#465

WITH must_show (setting, if_setting, if_value, reason) AS (
    VALUES
        ('batch_size', NULL, NULL, 'every batch is drawn by it'),
        ('n_step', NULL, NULL, 'every target is made of it'),
        ('gamma', NULL, NULL, 'every target is discounted by it'),
        ('network', NULL, NULL, 'it decides what the first loss is'),
        ('hidden_units', NULL, NULL, 'it decides what the first loss is'),
        ('double', 'noisy', 'factorised|independent', 'it selects under noise of its own'),
        ('dueling', NULL, NULL, 'it decides what the first loss is'),
        ('distributional', NULL, NULL, 'it decides what the loss is'),
        ('learning_rate', NULL, NULL, 'the second loss follows from the first step'),
        ('update_period', NULL, NULL, 'the second batch is drawn after it'),
        ('num_envs', NULL, NULL, 'every batch comes from that many games'),
        ('noisy', NULL, NULL, 'every action and every target has it'),
        ('noisy_layers', 'noisy', 'factorised|independent', 'every action and target has it'),
        ('noisy_sigma', 'noisy', 'factorised|independent', 'every action and target has it'),
        ('prioritized', NULL, NULL, 'the second batch is drawn by it'),
        ('sampling', NULL, NULL, 'every batch is drawn by it'),
        ('alpha', 'prioritized', 'true', 'priorities are made of it from the first update on'),
        ('num_atoms', 'distributional', 'true', 'it decides what the first loss is'),
        ('v_min', 'distributional', 'true', 'it decides what the first loss is'),
        ('v_max', 'distributional', 'true', 'it decides what the first loss is'),
        ('frame_stack', 'network', 'mnih2013|nature|data-efficient', 'every state is made of it'),
        ('frame_skip', 'network', 'mnih2013|nature|data-efficient', 'every step is made of it')
),
twins AS (
    SELECT a.*, b.config AS twin_config, b.seed AS twin_seed
    FROM shared.run_beginnings AS a
    JOIN shared.run_beginnings AS b ON b.run_id = a.twin
    WHERE a.run_id <> a.twin
),
compared AS (
    SELECT
        t.run_id,
        m.setting,
        t.twin,
        t.config ->> ('$.' || m.setting) AS value,
        t.twin_config ->> ('$.' || m.setting) AS twin_value,
        t.first_loss,
        t.last_loss,
        m.reason
    FROM twins AS t
    CROSS JOIN must_show AS m
    WHERE m.if_setting IS NULL
        OR (
            list_contains(split(m.if_value, '|'), t.config ->> ('$.' || m.if_setting))
            AND list_contains(split(m.if_value, '|'), t.twin_config ->> ('$.' || m.if_setting))
        )
    UNION ALL
    SELECT
        run_id,
        'seed',
        twin,
        seed::VARCHAR,
        twin_seed::VARCHAR,
        first_loss,
        last_loss,
        'everything random in a run follows from it'
    FROM twins
)
SELECT *
FROM compared
WHERE value <> twin_value

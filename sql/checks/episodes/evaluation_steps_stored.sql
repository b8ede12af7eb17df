-- name: evaluation_steps_stored
-- title: Steps of evaluation episodes are not in the replay
-- severity: error
-- reads: transitions, episodes
-- grain: run_id, episode_id
-- groups: episodes = episodes
-- requires: transitions.episode_id, episodes.episode_id
-- diagnosis: {transitions} transitions of evaluation episode {episode_id} of run {run_id} are in
--     the replay, the first as transition {first_transition_id}; an evaluation stores nothing
-- why: the agent learns from games that it is judged by, played by another policy than the one that
--     explores.
-- false_alarms: none; exact. An id that a training episode has as well is not judged.
-- cites: microsoft/CyberBattleSim#115

WITH evaluations AS (
    SELECT run_id, episode_id
    FROM episodes
    GROUP BY run_id, episode_id
    HAVING bool_and(phase = 'eval')
)
SELECT
    t.run_id,
    t.episode_id,
    count(*) AS transitions,
    min(t.transition_id) AS first_transition_id
FROM transitions AS t
SEMI JOIN evaluations USING (run_id, episode_id)
GROUP BY t.run_id, t.episode_id

"""Consistent little logs of whole episodes, for the tests to put one thing wrong in."""

from __future__ import annotations

from dataclasses import dataclass, field

from checking import result_of

CONFIG = {
    "n_step": 3,
    "gamma": 0.9,
    "num_envs": 1,
    "reward_clip": 1.0,
    "frame_stack": 4,
    "network": "nature",
    "terminal_on_life_loss": False,
    "max_episode_steps": 0,
}


@dataclass
class Played:
    """One episode: its rewards, how it ended, and after which steps a life was lost."""

    rewards: list
    terminated: bool = True
    truncated: bool = False
    env_index: int = 0
    lost_lives: tuple = ()
    open: bool = False
    changes: dict = field(default_factory=dict)  # columns of its row in episodes

    @property
    def length(self):
        return len(self.rewards)


def obs_hash(episode_id, step):
    return 1_000 * (episode_id + 1) + step


def clipped(reward, clip):
    return max(-clip, min(clip, reward)) if clip else reward


def windows_of(played, episode_id, start_step, config):
    """Return the transitions of an episode, in the order in which they are stored."""
    n, gamma, envs = config["n_step"], config["gamma"], config["num_envs"]
    ends = {step for step in played.lost_lives if config["terminal_on_life_loss"]}
    ends.add(played.length)
    rows = []
    for step in range(played.length):
        last = min(*(end for end in ends if end > step), step + n)
        if played.open and last == played.length and last < step + n:
            break
        learned = [clipped(r, config["reward_clip"]) for r in played.rewards[step:last]]
        over = last == played.length and not played.open
        lost = last in ends and last != played.length
        rows.append(
            {
                "env_index": played.env_index,
                "episode_id": episode_id,
                "episode_step": step,
                "env_step": start_step + step * envs,
                "end_env_index": played.env_index,
                "end_episode_id": episode_id,
                "end_episode_step": last,
                "reward_raw": played.rewards[step],
                "reward_clipped": learned[0],
                "n_rewards": last - step,
                "reward_sum": sum(gamma**i * r for i, r in enumerate(learned)),
                "discount": gamma ** (last - step),
                "terminated": lost or (over and played.terminated),
                "truncated": over and played.truncated and not played.terminated,
                "obs_hash": obs_hash(episode_id, step),
                "next_obs_hash": obs_hash(episode_id, last),
            }
        )
    return rows


def episode_row(played, episode_id, start_step, config):
    clip, envs = config["reward_clip"], config["num_envs"]
    return {
        "episode_id": episode_id,
        "env_index": played.env_index,
        "phase": "train",
        "start_step": start_step,
        "end_step": start_step + (played.length - 1) * envs,
        "length": played.length,
        "return_raw": float(sum(played.rewards)),
        "return_clipped": float(sum(clipped(r, clip) for r in played.rewards)),
        "terminated": played.terminated,
        "truncated": played.truncated,
        "lives_lost": len(played.lost_lives) or None,
        "first_obs_hash": obs_hash(episode_id, 0),
        **played.changes,
    }


def add_rows(log, table, rows, **columns):
    if rows:
        log.add(table, **{name: [row[name] for row in rows] for name in rows[0]}, **columns)


def store(log, episodes, *, run_id="r1", drop=(), changes=None, end_step=None, **settings):
    """Log a run that played ``episodes`` one after another, each in its environment.

    ``drop`` names steps (episode, step) that are not stored, ``changes`` maps them to columns that
    are overwritten. Transition ids are given after the drop.
    """
    config = CONFIG | settings
    log.add_run(run_id, config)
    step = 1
    transitions, rows, taken = [], [], 0
    for episode_id, played in enumerate(episodes):
        transitions += windows_of(played, episode_id, step, config)
        if not played.open:
            rows.append(episode_row(played, episode_id, step, config))
        step += played.length * config["num_envs"]
        taken += played.length
    kept = [t for t in transitions if (t["episode_id"], t["episode_step"]) not in set(drop)]
    for transition_id, row in enumerate(kept):
        row["transition_id"] = transition_id
    for row in kept:
        row.update((changes or {}).get((row["episode_id"], row["episode_step"]), {}))
    add_rows(log, "transitions", kept, run_id=run_id, segment_id="s1")
    add_rows(log, "episodes", rows, run_id=run_id, segment_id="s1")
    log.add(
        "segments",
        run_id=run_id,
        segment_id="s1",
        ordinal=0,
        start_step=0,
        end_step=taken if end_step is None else end_step,
        open_episode_steps=sum(e.length for e in episodes if e.open),
        state="finished",
    )
    return kept


def probe(log, update_id, transition, **columns):
    """Log an update that drew and rebuilt ``transition`` rightly, but for ``columns``."""
    episode_id, step = transition["episode_id"], transition["episode_step"]
    frames = min(CONFIG["frame_stack"], step + 1)
    right = {
        "probe_batch_index": 0,
        "probe_obs_hash": transition["obs_hash"],
        "probe_stack_hash": transition["obs_hash"] * 7,
        "probe_frames": frames,
        "probe_first_episode_id": episode_id,
        "probe_first_step": step - frames + 1,
        "probe_last_episode_id": episode_id,
        "probe_last_step": step,
    }
    base = {"run_id": "r1", "segment_id": "s1", "update_id": update_id}
    log.add("updates", **base, env_step=update_id, **(right | columns))
    log.add("samples", **base, batch_index=0, transition_id=transition["transition_id"])


def said(log, name):
    """Return the first finding of a check as a sentence."""
    result = result_of(log, name)
    assert result.status == "fail", (result.status, result.message)
    return result.diagnosis(result.examples[0])


def near_miss(log, name):
    """Assert that a check applies and passes."""
    result = result_of(log, name)
    assert result.status == "pass", (result.status, result.message)

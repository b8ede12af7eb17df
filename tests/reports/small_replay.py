"""A replay of four slots, small enough to be worked out by hand, and how its reports are read.

Six transitions enter with priority 1. Each of three updates draws two of the four that are stored;
alpha is 0.5, so that the new priority is the root of the absolute TD error::

    update  step  in the buffer  total  drawn: id, priority, weight, TD error, new priority
         0     4        0 1 2 3      4         0   1    1     0.25  0.5    1   1  0.5    -4  2
         1     5        1 2 3 4      5         1   2    0.05     1  1      4   1  1    0.25  0.5
         2     6        2 3 4 5    3.5         4   0.5  1        1  1      5   1  1       9  3

Transition 1 has the only reward and ends episode 0, transition 5 ends episode 1.
"""

from __future__ import annotations

from rlaudit.auditing import all_reports, reporting

REPORTS = {report.name: report for report in all_reports()[0]}
KEYS = {"run_id": "r1", "segment_id": "s1"}


def answer(log, name, *columns, runs=(), **params):
    """Return the rows of a report, or these columns of them, with floats to six decimals."""
    with reporting(log.con, [REPORTS[name]], runs=runs) as reporter:
        frame = reporter.frame(name, **params)
    rows = frame.select(columns).rows() if columns else frame.rows()
    return [tuple(round(v, 6) if isinstance(v, float) else v for v in row) for row in rows]


def note(log, name, **params):
    """Return why a report has no rows."""
    with reporting(log.con, [REPORTS[name]]) as reporter, reporter.answer(name, params) as found:
        assert list(found.rows) == []
        return found.why_empty


def fill(log, **run):
    """Write the small replay as run r1; ``run`` are columns of its row in runs."""
    log.add_run(**{"config": {"update_period": 1, "priority_epsilon": 0.0}, **run})
    log.add(
        "transitions",
        **KEYS,
        transition_id=list(range(6)),
        slot=[0, 1, 2, 3, 0, 1],
        env_step=list(range(1, 7)),
        episode_id=[0, 0, 1, 1, 1, 1],
        episode_step=[0, 1, 0, 1, 2, 3],
        reward_sum=[0.0, 5.0, 0.0, 0.0, 0.0, 0.0],
        terminated=[False, True, False, False, False, True],
        action=[0, 1, 0, 0, 0, 0],
        priority=1.0,
    )
    log.add(
        "updates",
        **KEYS,
        update_id=[0, 1, 2],
        env_step=[4, 5, 6],
        last_transition_id=[3, 4, 5],
        buffer_size=4,
        capacity=4,
        batch_size=2,
        alpha=0.5,
        beta=[0.4, 0.5, 0.6],
        priority_total=[4.0, 5.0, 3.5],
        max_priority=[1.0, 2.0, 2.0],
        weight_normaliser=[1.0, 2.0, 4.0],
        elapsed_seconds=[1.0, 3.0, 7.0],
        loss=[0.5, float("nan"), 0.25],
        grad_norm=[1.0, 2.0, 3.0],
        q_mean=[0.0, 1.0, -1.0],
    )
    log.add(
        "samples",
        **KEYS,
        update_id=[0, 0, 1, 1, 2, 2],
        batch_index=[0, 1, 0, 1, 0, 1],
        transition_id=[0, 1, 1, 4, 4, 5],
        slot=[0, 1, 1, 0, 0, 1],
        priority=[1.0, 1.0, 2.0, 1.0, 0.5, 1.0],
        weight=[1.0, 0.5, 0.05, 1.0, 1.0, 1.0],
        td_error=[0.25, -4.0, 1.0, 0.25, 1.0, 9.0],
        priority_new=[0.5, 2.0, 1.0, 0.5, 1.0, 3.0],
    )
    log.add(
        "episodes",
        **KEYS,
        episode_id=[0, 1],
        phase="train",
        start_step=[1, 3],
        end_step=[2, 6],
        length=[2, 4],
        return_raw=[5.0, 0.0],
        terminated=True,
        truncated=False,
    )

from __future__ import annotations

import io

from rich.console import Console

from rlaudit.experiments.plan import State
from rlaudit.render.experiments import experiment_display


def state(done, share, running=()):
    return State(planned=4, done=done, share=share, running=running, failed=[])


def test_lines_say_how_far_an_experiment_is_and_how_long_it_takes():
    stream, now = io.StringIO(), [0.0]
    console = Console(file=stream, width=200, highlight=False)
    with experiment_display(console, clock=lambda: now[0]) as show:
        # Half of it was made by an earlier command.
        show(state(2, 0.5))
        now[0] = 5.0
        show(state(2, 0.55, ["a 1: 10"]))
        now[0] = 60.0
        show(state(3, 0.75, ["a 1: 500", "b 2: 7"]))
    assert stream.getvalue().splitlines() == [
        "2 of 4 runs  ETA -:--  starting",
        # A quarter took a minute, and a quarter is left; the line between came too soon.
        "3 of 4 runs  ETA 1:00  at step a 1: 500, b 2: 7",
    ]


def test_a_terminal_gets_a_bar_that_leaves_nothing_behind():
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=80)
    with experiment_display(console) as show:
        show(state(1, 0.25, ["a 1: 10"]))
        assert "1 of 4 runs" in stream.getvalue()

"""Find out which log has which of the runs that are asked for, before any is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlaudit.auditing.scope import known_runs, refuse_unknown
from rlaudit.errors import Problem, RlauditError, UsageError
from rlaudit.store import open_for_reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rlaudit.auditing.sourcing import Source

    Chosen = Mapping[Path, tuple[str, ...] | RlauditError]
    """The runs to judge of each log by its path, or why it cannot be read."""


def asked_for(run: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the ids that are meant, each once; none means all runs.

    Raises :class:`UsageError` for a list without any: it would mean nothing, and not all.
    """
    if run is None:
        return ()
    ids = (run,) if isinstance(run, str) else tuple(dict.fromkeys(run))
    if not ids:
        raise UsageError("run is a list without an id", hint="leave run out to judge all runs")
    return ids


def choose_runs(
    sources: Sequence[Source], runs: Sequence[str], *, wait: float
) -> tuple[Chosen, tuple[Problem, ...]]:
    """Return which of ``runs`` stand in each of ``sources``, and what could not be found.

    Nothing is looked up if all runs are meant. Nor in a single log, which is opened once: auditing
    it says what it lacks.

    Raises :class:`UsageError` that names all ids which no log has. If a log cannot be read, that
    is a problem beside it.
    """
    if not runs or len(sources) < 2:
        return {}, ()
    chosen: dict[Path, tuple[str, ...] | RlauditError] = {}
    everywhere: set[str] = set()
    for source in sources:
        try:
            with open_for_reading(source.path, wait=wait) as log:
                known = known_runs(log.con)
        except RlauditError as error:
            chosen[source.path] = error
            continue
        everywhere |= known
        chosen[source.path] = tuple(run for run in runs if run in known)
    try:
        refuse_unknown(runs, everywhere)
    except UsageError as error:
        if not any(isinstance(found, RlauditError) for found in chosen.values()):
            raise
        return chosen, (Problem(f"{error} in the logs that could be read", hint=error.hint),)
    return chosen, ()

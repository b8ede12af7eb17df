"""Say how much of what was asked for an audit has judged, and hold it against a floor.

A check that finds nothing because it could judge no run says nothing: it is not a pass.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rlaudit.auditing.selecting import matched
from rlaudit.errors import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from rlaudit.auditing.results import SourceReport
    from rlaudit.sqlfiles import CheckFile


_JUDGED = {"pass": "judged", "fail": "judged"}


@dataclass(frozen=True, slots=True)
class Floor:
    """What an audit must have judged at the least.

    Attributes:
        required: names of checks, each of which must have judged at least one run of one log.
        min_judged: how many checks must have.

    """

    required: tuple[str, ...] = ()
    min_judged: int = 0

    def met_by(self, sources: Sequence[SourceReport]) -> bool:
        """Say whether ``sources`` reach it."""
        return not shortfalls(sources, self)


class Coverage(NamedTuple):
    """How many checks were to judge, and what became of them over all logs and runs."""

    checks: int
    judged: int
    """At least one run of one log, whatever they found."""
    not_applicable: int
    errors: int
    """Checks that failed, and that judged nothing elsewhere."""
    runs: int
    """That at least one check judged; a run of two logs is two."""


def floor_of(
    checks: Sequence[CheckFile],
    everything: Sequence[CheckFile],
    require: Sequence[str],
    min_judged: int,
    *,
    unreadable: Collection[str] = (),
) -> Floor:
    """Return the floor that ``require`` and ``min_judged`` state for the selected ``checks``.

    ``require`` has names, families and patterns of ``everything``, as
    :func:`rlaudit.auditing.select_checks` takes them.

    Raises:
        UsageError: for an entry that matches nothing, and for a floor that these checks cannot
            reach.
    """
    required = matched(everything, require, unreadable)
    selected = {check.name for check in checks}
    if left_out := sorted(required - selected):
        raise UsageError(
            f"{_several(left_out, 'check')} required and not selected: {', '.join(left_out)}",
            hint="what --require names, --select and --ignore must leave in",
        )
    if min_judged < 0:
        raise UsageError(f"min_judged cannot be {min_judged}", hint="0 is no floor")
    if min_judged > len(selected) + len(unreadable):
        raise UsageError(
            f"{min_judged} checks are to judge, and {_several(selected, 'check')} selected",
            hint="lower --min-judged",
        )
    return Floor(tuple(check.name for check in checks if check.name in required), min_judged)


def coverage_of(sources: Iterable[SourceReport]) -> Coverage:
    """Return how much was judged in ``sources`` together."""
    status: dict[str, str] = {}
    runs: set[object] = set()
    rank = {"not_applicable": 0, "error": 1, "judged": 2}
    for source in sources:
        for result in source.results:
            found = _JUDGED.get(result.status, result.status)
            known = status.setdefault(result.check.name, found)
            status[result.check.name] = max(found, known, key=rank.__getitem__)
            runs.update((source.path, run) for run in result.judged)
    counted = Counter(status.values())
    return Coverage(
        len(status), counted["judged"], counted["not_applicable"], counted["error"], len(runs)
    )


def shortfalls(sources: Sequence[SourceReport], floor: Floor) -> tuple[Problem, ...]:
    """Return what of ``floor`` is not reached, with the reasons; nothing if all of it is."""
    found = []
    missing = {
        name: _why_not(sources, name) for name in floor.required if not _judged(sources, name)
    }
    if missing:
        found.append(
            Problem(
                f"{_of(len(missing), len(floor.required), 'required check')} judged no run: "
                f"{_grouped(missing)}",
                hint="--require asks that each judge one at least",
            )
        )
    coverage = coverage_of(sources)
    if coverage.judged < floor.min_judged:
        reasons = Counter(
            result.message
            for source in sources
            for result in source.results
            if not result.judged and result.message
        )
        most = f", most of the others because {reasons.most_common(1)[0][0]}" if reasons else ""
        found.append(
            Problem(
                f"{_of(coverage.judged, coverage.checks, 'check')} judged a run{most}",
                hint=f"--min-judged asks for {floor.min_judged}",
            )
        )
    return tuple(found)


def partly_judged(sources: Sequence[SourceReport], floor: Floor) -> tuple[str, ...]:
    """Return a sentence for each set of runs in which required checks did not judge all."""
    total = len(_runs(sources))
    found: dict[tuple[int, str], list[str]] = {}
    for name in floor.required:
        number = len(_judged(sources, name))
        if 0 < number < total:
            found.setdefault((number, _why_not(sources, name)), []).append(name)
    return tuple(
        f"required and judged in {number:,} of {total:,} runs only: {', '.join(names)} ({why})"
        for (number, why), names in found.items()
    )


def _runs(sources: Iterable[SourceReport]) -> set[object]:
    return {
        (source.path, run)
        for source in sources
        for result in source.results
        for some in (result.judged, result.skipped)
        for run in some
    }


def _judged(sources: Iterable[SourceReport], name: str) -> set[object]:
    return {
        (source.path, run)
        for source in sources
        for result in source.results
        if result.check.name == name
        for run in result.judged
    }


def _why_not(sources: Iterable[SourceReport], name: str) -> str:
    """Return the most common reason for which the check ``name`` did not judge a run."""
    reasons = Counter[str]()
    for source in sources:
        for result in source.results:
            if result.check.name == name:
                reasons.update(result.skipped.values())
                if result.status == "error":
                    reasons["it failed"] += 1
                elif not (result.judged or result.skipped):
                    reasons[result.message] += 1
    return reasons.most_common(1)[0][0] if reasons else "no log could be read"


def _grouped(reasons: dict[str, str]) -> str:
    """Return names by their reason: ``config.beta is not stated: a, b; it failed: c``."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        by_reason.setdefault(reason, []).append(name)
    return "; ".join(f"{reason}: {', '.join(names)}" for reason, names in by_reason.items())


def _several(names: Collection[str], noun: str) -> str:
    return f"{len(names)} {noun} is" if len(names) == 1 else f"{len(names)} {noun}s are"


def _of(number: int, total: int, noun: str) -> str:
    return f"{number} of {total} {noun}{'' if total == 1 else 's'}"

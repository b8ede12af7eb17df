"""What is known of a log that is watched: the newest look, and what audits found so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlaudit.live.pace import Speeds

if TYPE_CHECKING:
    from rlaudit.live.cheap import Part, RunFinding
    from rlaudit.live.look import Look
    from rlaudit.store import RunSummary

_SEVERITIES = ("error", "warning")


class Watched:
    """A log, as looks and audits have shown it.

    Attributes:
        runs: running ones first, then the newest first; each id once.
        look: the newest look; None before the first.
        speeds: how fast the runs are.

    """

    def __init__(self) -> None:
        self.runs: tuple[RunSummary, ...] = ()
        self.look: Look | None = None
        self.speeds = Speeds()
        self._findings: dict[str, dict[str, RunFinding]] = {}
        self._problems: dict[str, dict[tuple[str, ...], tuple[str, ...]]] = {}
        # Rows that a run had when its last audit began, and a number that rises with the audits.
        self._audited: dict[str, tuple[int, int]] = {}
        self._audits = 0
        self._done: set[str] = set()

    def take(self, look: Look) -> bool:
        """Take in a look; return whether runs are gone, so that this is another log.

        What was known of it is forgotten then.
        """
        first = {run.run_id: run for run in reversed(look.runs)}
        # A run that is begun anew under the id of a deleted one is another run.
        there = {(run.run_id, run.started_at) for run in look.runs}
        gone = any((run.run_id, run.started_at) not in there for run in self.runs)
        if gone:
            for known in (self._findings, self._problems, self._audited, self._done):
                known.clear()
        # As text, in which the time of a run that gives none comes before all others.
        newest_first = sorted(
            first.values(), key=lambda run: str(run.started_at or ""), reverse=True
        )
        self.runs = tuple(sorted(newest_first, key=lambda run: run.state != "running"))
        self.look = look
        self.speeds.add(self.runs)
        return gone

    def next_to_audit(self, chosen: str | None) -> RunSummary | None:
        """Return the run to audit next; None if there is nothing new to see.

        The chosen run comes first, then those that are running, the one whose audit is the oldest
        first.
        """
        due = [
            run
            for run in self.runs
            if (run.run_id == chosen or run.state == "running")
            and self._audited.get(run.run_id, (None, 0))[0] != run.rows
        ]
        return min(
            due,
            key=lambda run: (run.run_id != chosen, self._audited.get(run.run_id, (0, 0))[1]),
            default=None,
        )

    def begin_audit(self, run: RunSummary) -> None:
        """Note that ``run`` is audited as it is now."""
        self._audits += 1
        self._audited[run.run_id] = (run.rows, self._audits)

    def end_audit(self, run_id: str) -> None:
        """Note that an audit of a run has come to its end."""
        self._done.add(run_id)

    def take_part(self, run_id: str, part: Part) -> list[RunFinding]:
        """Take in what an audit says of a run; return what it had not said before."""
        known = self._findings.setdefault(run_id, {})
        new = [finding for finding in part.findings if finding.check not in known]
        for check in part.checks:
            known.pop(check, None)
        known.update((finding.check, finding) for finding in part.findings)
        self._problems.setdefault(run_id, {})[part.checks] = part.problems
        return new

    def findings(self, run_id: str) -> list[RunFinding]:
        """Return what is known to be wrong in a run, the worst first."""
        found = self._findings.get(run_id, {}).values()
        return sorted(found, key=lambda finding: _SEVERITIES.index(finding.severity))

    def was_audited(self, run_id: str) -> bool:
        """Say whether an audit of a run has come to its end."""
        return run_id in self._done

    def problems(self, run_id: str) -> tuple[str, ...]:
        """Return why checks could not be run over a run at the last attempt."""
        return tuple(p for some in self._problems.get(run_id, {}).values() for p in some)

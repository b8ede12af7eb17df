"""What an audit says, as data: findings, results of checks, and reports over logs.

An :class:`AuditReport` covers several sources, a :class:`SourceReport` one log, a
:class:`CheckResult` one check in one log, and a :class:`Finding` one check in one run. What could
not be read or judged is a :class:`~rlaudit.errors.Problem`, beside the results of everything else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from rlaudit.auditing.coverage import Coverage, Floor, coverage_of
from rlaudit.auditing.diagnosis import fill
from rlaudit.auditing.scripts import script_of
from rlaudit.unseen import escaped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rlaudit.errors import Problem
    from rlaudit.sqlfiles import CheckFile

Status = Literal["pass", "fail", "not_applicable", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found wrong in one run.

    Attributes:
        check: the check; its parameters have the values that were used.
        source: the log, as it was named.
        run_id: the run; None for rows that name none.
        rows: how many rows are wrong.
        diagnosis: one sentence with the figures of the first example.
        examples: the first wrong rows in the order of the check's grain, as column to value.
            Empty if the rows were found by an earlier audit and were not read again.
        accepted: rows that a baseline accepts; greater than 0 only if there are more by now.
        follows: the checks that fail in the same run and of which this is likely a consequence.
        spooled: some rows of the log are in its spool, which a DuckDB shell does not read.

    """

    check: CheckFile
    source: str
    run_id: str | None
    rows: int
    diagnosis: str
    examples: tuple[Mapping[str, Any], ...] = ()
    accepted: int = 0
    follows: tuple[str, ...] = ()
    spooled: bool = False

    @property
    def query(self) -> str:
        """SQL that shows all the wrong rows, in ``rlaudit sql`` or any shell with the log open."""
        return script_of(self.check, self.run_id, spooled=self.spooled)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values: the check by name, family, severity, title, why and cites."""
        check = self.check
        return {
            "check": check.name,
            "family": check.family,
            "severity": check.severity,
            "source": self.source,
            "run_id": self.run_id,
            "rows": self.rows,
            "diagnosis": self.diagnosis,
            "accepted": self.accepted,
            "follows": list(self.follows),
            "title": check.title,
            "why": check.why,
            "cites": check.cites,
            "examples": [dict(example) for example in self.examples],
            "query": self.query,
        }

    def __repr__(self) -> str:
        """Return the diagnosis, as a failed assertion should show it."""
        rows = f"{self.rows:,} row{'' if self.rows == 1 else 's'}"
        return f"<{self.check.severity} {self.check.name}: {escaped(self.diagnosis)} [{rows}]>"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check says of one log.

    Attributes:
        check: the check; its parameters have the values that were used.
        status: ``fail`` if there are findings, ``pass`` if it judged a run and there are none,
            ``not_applicable`` if it could judge no run, ``error`` if its SQL failed.
        rows: rows of its first table in the runs that it judged.
        groups: how many things were judged (``check.groups`` names them in the plural).
        judged: the runs that were judged, and ``skipped`` those that were not, each with the
            reason.
        findings: one for each run with wrong rows, in the order of the run ids. What a baseline
            accepts is in ``accepted`` in their place.
        message: why it does not apply, to which runs it does not, or how it failed.
        problem: the failure of a check with status ``error``, with file and line.

    """

    check: CheckFile
    status: Status
    rows: int = 0
    groups: int = 0
    judged: tuple[str | None, ...] = ()
    skipped: Mapping[str | None, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    accepted: tuple[Finding, ...] = ()
    message: str = ""
    problem: Problem | None = None

    @property
    def wrong(self) -> int:
        """How many rows are wrong, over all runs."""
        return sum(finding.rows for finding in self.findings)

    @property
    def found(self) -> Mapping[str | None, int]:
        """The wrong rows by run."""
        return {finding.run_id: finding.rows for finding in self.findings}

    @property
    def examples(self) -> tuple[Mapping[str, Any], ...]:
        """The examples of all runs, one run after the other."""
        return tuple(example for finding in self.findings for example in finding.examples)

    def diagnosis(self, example: Mapping[str, Any]) -> str:
        """Return the check's sentence with the figures of ``example``."""
        return fill(self.check, example, self.found.get(example["run_id"], 0))


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """How far one run was when it was read: rows by table, and the greatest ids and step."""

    run_id: str | None
    rows: Mapping[str, int]
    last_update_id: int | None
    last_transition_id: int | None
    last_episode_id: int | None
    last_env_step: int | None


class Departure(NamedTuple):
    """A setting by which runs depart from the papers on purpose.

    ``sentence`` says how, and what the paper does; ``runs`` is how many runs of the log do.
    """

    setting: str
    sentence: str
    runs: int


class SettingNote(NamedTuple):
    """What is unclear about a setting that runs state, or nearly state.

    ``setting`` is its name in the vocabulary, "" where it concerns all settings of the runs;
    ``checks`` need it and could not judge all of ``runs``.
    """

    setting: str
    sentence: str
    runs: tuple[str | None, ...]
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What an audit says of one log.

    Attributes:
        source: the file, as it was named or found in a folder.
        path: its absolute path.
        results: one for each check, in the order of the checks; empty if it could not be read.
        problems: why it could not be read, or which checks failed in it.
        incomplete: what of the log cannot be shown, as a sentence; None if nothing is missing.
        snapshot: how far each run was; empty unless the audit is recorded.
        look: which look at this growing log it was; None for the only one.
        departures: from the papers, which the settings of the runs declare; no findings.
        chosen: the runs that were asked for; empty if all of the log's were judged.
        unclear: settings of the runs that are not understood; no findings.
        names: environment and name of each run that ``raw.runs`` has.

    """

    source: str
    path: Path
    results: tuple[CheckResult, ...] = ()
    problems: tuple[Problem, ...] = ()
    incomplete: str | None = None
    snapshot: tuple[RunSnapshot, ...] = ()
    look: int | None = None
    departures: tuple[Departure, ...] = ()
    chosen: tuple[str, ...] = ()
    unclear: tuple[SettingNote, ...] = ()
    names: Mapping[str | None, tuple[str | None, str | None]] = field(default_factory=dict)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of all checks, in the order of the checks."""
        return tuple(finding for result in self.results for finding in result.findings)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A finding that a baseline accepts: a check, a run, and the number of wrong rows.

    The run is known by its id or, with ``run_id`` None, by its environment and its name.
    """

    check: str
    run_id: str | None
    rows: int
    env_id: str | None = None
    name: str | None = None

    @property
    def where(self) -> str:
        """What it was accepted in, in words."""
        if self.env_id is None and self.name is None:
            return "no run" if self.run_id is None else f"run {self.run_id}"
        named = "without a name" if self.name is None else f"named {self.name}"
        return f"runs {named}" + ("" if self.env_id is None else f" on {self.env_id}")


@dataclass(frozen=True, slots=True, repr=False)
class AuditReport:
    """What an audit says of all its sources; iterating gives the findings.

    In a test write ``assert report.clean, str(report)``: pytest cuts what is no text short.

    Attributes:
        sources: one report for each log, in the order in which they were named.
        check_problems: what was wrong with check files, whatever the log.
        notes: what was left out on purpose, such as files in a folder that are no logs.
        gone: findings that the baseline accepts and that no longer occur, of checks and runs
            that were judged.
        floor: what had to be judged at the least.
        shortfalls: what was asked for and is not there: checks of the floor that judged nothing,
            and runs that are in no log where another could not be read.

    """

    sources: tuple[SourceReport, ...] = ()
    check_problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    gone: tuple[Accepted, ...] = ()
    floor: Floor = field(default_factory=Floor)
    shortfalls: tuple[Problem, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings that no baseline accepts."""
        return tuple(finding for source in self.sources for finding in source.findings)

    @property
    def accepted(self) -> tuple[Finding, ...]:
        """The findings that a baseline accepts."""
        results = (result for source in self.sources for result in source.results)
        return tuple(finding for result in results for finding in result.accepted)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that could not be done; each is a reason for exit code 2."""
        found = (problem for source in self.sources for problem in source.problems)
        return (*self.check_problems, *found, *self.shortfalls)

    @property
    def coverage(self) -> Coverage:
        """How many checks judged something, of how many, in how many runs."""
        return coverage_of(self.sources)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings of severity error."""
        return tuple(finding for finding in self.findings if finding.check.severity == "error")

    @property
    def clean(self) -> bool:
        """Whether everything could be judged and nothing of severity error was found."""
        return not self.errors and not self.problems

    def __iter__(self) -> Iterator[Finding]:
        """Give the findings."""
        return iter(self.findings)

    def __len__(self) -> int:
        """Return the number of findings."""
        return len(self.findings)

    def __bool__(self) -> bool:
        """Refuse: whether a report is true is not whether it is clean."""
        raise TypeError("ask report.clean, or len(report) for the number of findings")

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the findings as plain values; see :meth:`Finding.to_dict`."""
        return [finding.to_dict() for finding in self.findings]

    def __repr__(self) -> str:
        """Return every diagnosis and problem, as a failed assertion should show them."""
        lines = [repr(finding) for finding in self.findings]
        lines += [f"<problem: {escaped(str(problem))}>" for problem in self.problems]
        if not lines:
            runs = {run for s in self.sources for r in s.results for run in r.judged}
            return f"<AuditReport: nothing found in {len(runs)} runs>"
        return f"<AuditReport: {len(self)} findings, {len(self.problems)} problems\n" + "\n".join(
            [f"  {line}" for line in lines] + [">"]
        )

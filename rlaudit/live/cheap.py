"""The checks that can be repeated while a log grows, and audits that let its writers in between."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rlaudit.auditing import audit
from rlaudit.sqlfiles import read_checks, sql_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rlaudit.auditing import AuditReport
    from rlaudit.sqlfiles import CheckFile

# A writer that waits for the file tries again every quarter of a second.
SECONDS_FOR_WRITERS = 0.5

# A row or more for each step. Of 12M samples a million updates and as many transitions.
_LARGE_TABLES = frozenset({"samples", "updates", "transitions"})


@dataclass(frozen=True, slots=True)
class RunFinding:
    """What a check says of one run."""

    check: str
    severity: str
    rows: int
    diagnosis: str


@dataclass(frozen=True, slots=True)
class Part:
    """What some of the cheap checks say of a run.

    Attributes:
        checks: their names.
        findings: all that they find in the run's rows so far.
        problems: why some could not be run.

    """

    checks: tuple[str, ...]
    findings: tuple[RunFinding, ...]
    problems: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values; :meth:`from_dict` is the way back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Part:
        """Return what :meth:`to_dict` gave as ``values``."""
        findings = tuple(RunFinding(**finding) for finding in values["findings"])
        return cls(tuple(values["checks"]), findings, tuple(values["problems"]))


def is_cheap(check: CheckFile) -> bool:
    """Say whether a look at a log that has grown costs ``check`` what is new, and not what is old.

    So it is where new rows can be judged without older ones, and where none of the large tables is
    read. A check that draws on chance has to see all rows at every look.
    """
    if any(param.name == "alpha" for param in check.params):
        return False
    tables = {table.rpartition(".")[2] for table in (*check.reads, *check.also_reads)}
    return check.incremental is not None or not (check.needs or tables & _LARGE_TABLES)


def audit_in_parts(
    source: str | Path,
    run_id: str,
    *,
    record: str | Path,
    wait: float = 10.0,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[Part]:
    """Run the cheap checks over one run: those that need shared tables after the others.

    The log is closed in between. More parts would let its writers in more often, but two shared
    tables take most of the time, and each part that needs them builds them anew.

    ``record`` is a DuckDB file that knows what earlier audits have read; it is made if it is not
    there. What cannot be read is a problem in the part. Raises :class:`UsageError` for a run that
    the log does not have.
    """
    everything, _ = read_checks(sql_root() / "checks")
    cheap = [check for check in everything if is_cheap(check)]
    parts = (
        [check.name for check in cheap if not check.needs],
        [check.name for check in cheap if check.needs],
    )
    for number, names in enumerate(parts):
        if number > 0:
            sleep(SECONDS_FOR_WRITERS)
        report = audit(
            source,
            run=run_id,
            select=names,
            limit=1,
            wait=wait,
            record=record,
            since_last=True,
            threads=1,
        )
        findings = tuple(
            RunFinding(f["check"], f["severity"], f["rows"], f["diagnosis"])
            for f in report.to_dicts()
        )
        yield Part(tuple(names), findings, _problems(report))


def _problems(report: AuditReport) -> tuple[str, ...]:
    results = [result for source in report.sources for result in source.results]
    if results and all(result.status == "not_applicable" for result in results):
        return ()  # a young run has no rows for some of the checks; that is a problem for audit()
    return tuple(str(problem) for problem in report.problems)

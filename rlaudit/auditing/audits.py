"""Audit logs: every check over every source, with what could not be done beside the results."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from rlaudit.auditing.results import AuditReport, SourceReport
    from rlaudit.sqlfiles import CheckFile

    Progress = Callable[[int, int, str, str], object]
    """Called with checks done, checks in all, the check about to run ("" at the end), the source"""


def audit(
    sources: str | Path | Iterable[str | Path],
    *,
    run: str | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    checks_dirs: Sequence[str | Path] = (),
    limit: int = 10,
    wait: float = 10.0,
    baseline: str | Path | None = None,
    record: str | Path | None = None,
    since_last: bool = False,
    look: int = 1,
    on_progress: Progress | None = None,
    memory_limit: str | None = None,
    threads: int | None = None,
) -> AuditReport:
    """Run the checks over logs and return what they find.

    Args:
        sources: log files, or folders with logs in them and below.
        run: judge only the run of this id.
        select: names, families or patterns of the checks to run; all if empty.
        ignore: names, families or patterns of checks to leave out.
        checks_dirs: folders with checks besides ours.
        limit: most examples for each finding; 0 gives all.
        wait: seconds to wait for a log that another process writes.
        baseline: file of accepted findings, which are left out.
        record: DuckDB file to which the results are appended.
        since_last: read only what is new since the last audit in ``record``, where a check allows.
        look: which look at a growing log this is, for checks that draw on chance.
        on_progress: called before each check and once at the end with the number of checks done,
            their number, the name of the check, and the source.
        memory_limit: what DuckDB may use, such as ``4GB``; its default if None.
        threads: threads that DuckDB uses; all cores if None.

    Raises:
        UsageError: if an argument makes no sense: nothing to audit, a selection that matches
            nothing, a run that no source has, an unreadable baseline.

    """
    raise NotImplementedError


def audit_log(
    source: str | Path,
    checks: Sequence[CheckFile],
    *,
    run: str | None = None,
    limit: int = 10,
    wait: float = 10.0,
    look: int = 1,
    on_progress: Progress | None = None,
    memory_limit: str | None = None,
    threads: int | None = None,
) -> SourceReport:
    """Run ``checks`` over one log. A log that cannot be read is a problem in the report."""
    raise NotImplementedError

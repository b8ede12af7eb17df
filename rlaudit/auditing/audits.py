"""Audit logs: every check over every source, with what could not be done beside the results."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rlaudit.apart.child import Child
from rlaudit.auditing.baseline import apply_baseline, read_baseline
from rlaudit.auditing.checks import gathered
from rlaudit.auditing.choosing import asked_for, choose_runs
from rlaudit.auditing.consequences import with_causes
from rlaudit.auditing.coverage import floor_of, partly_judged, shortfalls
from rlaudit.auditing.departures import departures_of
from rlaudit.auditing.history import read_history, record_audit
from rlaudit.auditing.looks import at_look
from rlaudit.auditing.own_checks import results_of
from rlaudit.auditing.query import refuse_negative
from rlaudit.auditing.results import AuditReport, SourceReport
from rlaudit.auditing.selecting import select_checks
from rlaudit.auditing.snapshot import snapshot_of
from rlaudit.auditing.sourcing import find_sources
from rlaudit.auditing.stated import setting_notes
from rlaudit.errors import NotALogError, Problem, RlauditError, UsageError
from rlaudit.sqlfiles import is_ours, read_checks, sql_root
from rlaudit.store import open_for_reading, refuse_unwritable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager

    from duckdb import DuckDBPyConnection

    from rlaudit.auditing.checks import Progress
    from rlaudit.auditing.choosing import Chosen
    from rlaudit.auditing.history import History
    from rlaudit.auditing.results import CheckResult
    from rlaudit.auditing.sourcing import Source
    from rlaudit.sqlfiles import CheckFile


def audit(
    sources: str | Path | Iterable[str | Path],
    *,
    run: str | Sequence[str] | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    require: Sequence[str] = (),
    min_judged: int = 0,
    checks_dirs: Sequence[str | Path] = (),
    limit: int = 10,
    wait: float = 10.0,
    baseline: str | Path | None = None,
    record: str | Path | None = None,
    since_last: bool = False,
    look: int | None = None,
    on_progress: Progress | None = None,
    memory_limit: str | None = None,
    threads: int | None = None,
    timeout: float = 60.0,
) -> AuditReport:
    """Run the checks over logs and return what they find.

    Args:
        sources: log files, or folders with logs in them and below.
        run: judge only the run of this id, or the runs of these; each must be in one of the logs,
            and a log that has none of them is left out.
        select: names, families or patterns of the checks to run; all if empty.
        ignore: names, families or patterns of checks to leave out.
        require: names, families or patterns of checks each of which must judge at least one run
            of one log; else that is a problem in the report. A family means all of its checks.
        min_judged: how many checks must judge at least one run of one log.
        checks_dirs: folders with checks besides ours.
        limit: most examples for each finding; 0 gives all.
        wait: seconds to wait for a log that another process writes.
        baseline: file of accepted findings, which are left out.
        record: DuckDB file to which the results are appended, and from which looks are counted.
        since_last: read only what is new since the last audit in ``record``, where a check allows.
        look: which look at a growing log this is, from 1, for checks that draw on chance. None
            counts the states of the log that ``record`` has seen; without ``record`` it means
            that the log is looked at once.
        on_progress: called before each check and once at the end with the number of checks done,
            their number, the name of the check, and the source.
        memory_limit: what DuckDB may use, such as ``4GB``; 70% of what is free if None.
        threads: threads that DuckDB uses; all cores if None.
        timeout: seconds after which a check from ``checks_dirs`` is stopped; 0 for none. Each of
            them runs in another process, and one that fails there costs only its own result.

    Raises:
        UsageError: if an argument makes no sense: nothing to audit, a selection that matches
            nothing, a floor that the selection cannot reach, a run that no source has, an
            unreadable baseline.
        DatabaseError: if ``record`` cannot be read or written.

    """
    if since_last and record is None:
        raise UsageError(
            "since_last is set and record is not",
            hint="--since-last needs --record FILE, which knows what was read before",
        )
    refuse_negative(timeout)
    if record is not None:
        refuse_unwritable(Path(record).absolute())
    accepted = None if baseline is None else read_baseline(baseline)
    everything, check_problems = read_checks(sql_root() / "checks", *map(Path, checks_dirs))
    unreadable = {problem.path.stem for problem in check_problems if problem.path is not None}
    checks = select_checks(everything, select, ignore, unreadable=unreadable)
    floor = floor_of(checks, everything, require, min_judged, unreadable=unreadable)
    sourced = find_sources(sources, wait=wait)
    found = sourced.logs
    runs = asked_for(run)
    chosen, not_found = choose_runs(found, runs, wait=wait)

    def one(number: int, source: Source, runs: Sequence[str]) -> SourceReport:
        history = None
        if record is not None:
            reused = checks if since_last else ()
            history = read_history(record, source.path, reused, wait=wait)
        return audit_log(
            source.name,
            checks,
            runs=runs,
            limit=limit,
            wait=wait,
            look=look,
            on_progress=_beyond(number, len(found), on_progress),
            memory_limit=memory_limit,
            threads=threads,
            history=history,
            must_be_log=source.named,
            timeout=timeout,
            child=child,
        )

    with _child_for(checks) as child:
        reports, notes = _audit_each(found, runs, chosen, one)
    every = (*reports, *sourced.empty)
    report = AuditReport(
        every,
        check_problems,
        (*notes, *sourced.notes, *partly_judged(every, floor)),
        floor=floor,
        shortfalls=(*not_found, *shortfalls(every, floor)),
    )
    if record is not None:
        record_audit(report, record, wait=wait)
    if accepted is None:
        return report
    return apply_baseline(report, accepted, {check.name for check in everything} | unreadable)


def audit_log(
    source: str | Path,
    checks: Sequence[CheckFile],
    *,
    runs: Sequence[str] = (),
    limit: int = 10,
    wait: float = 10.0,
    look: int | None = None,
    on_progress: Progress | None = None,
    memory_limit: str | None = None,
    threads: int | None = None,
    history: History | None = None,
    must_be_log: bool = True,
    timeout: float = 60.0,
    child: Child | None = None,
) -> SourceReport:
    """Run ``checks`` over one log. A log that cannot be read is a problem in the report.

    The arguments are those of :func:`audit`; ``runs`` are the ids of those that are judged, all if
    there are none, and ``history`` is what earlier audits said of the log. Rows on which it has a
    verdict are not read again where that is possible, and the report says how far each run is.
    ``child`` runs the user's own checks; without one it is started where there are any.

    Raises :class:`UsageError` for a run that the log does not have, and :class:`NotALogError` for
    another file if ``must_be_log`` is not set.
    """
    name, path = str(source), Path(source).absolute()
    try:
        with (
            open_for_reading(
                path, wait=wait, at_length=True, memory_limit=memory_limit, threads=threads
            ) as log,
            _child_for(checks) if child is None else contextlib.nullcontext(child) as own,
        ):
            snapshot = () if history is None else snapshot_of(log.con, runs)
            if look is None and history is not None:
                look = history.look(snapshot)
            steps = results_of(
                log,
                at_look(checks, look),
                child=own,
                timeout=timeout,
                wait=wait,
                memory_limit=memory_limit,
                threads=threads,
                runs=runs,
                limit=limit,
                source=name,
                earlier=None if history is None else history.verdicts,
            )
            found = gathered(steps, len(checks), name, on_progress)
            places = {check.path: place for place, check in enumerate(checks)}
            results = with_causes(sorted(found, key=lambda result: places[result.check.path]))
            if log.spooled:
                results = [_read_from_spool(result) for result in results]
            return SourceReport(
                name,
                path,
                tuple(results),
                _problems(results, name),
                log.incomplete,
                snapshot,
                look,
                departures_of(log.con, runs),
                tuple(runs),
                setting_notes(log.con, results, runs),
                _names(log.con),
            )
    except UsageError:
        raise
    except RlauditError as error:
        return _unread(name, path, error, named=must_be_log, look=look)


def _child_for(checks: Iterable[CheckFile]) -> AbstractContextManager[Child | None]:
    """Return the process for the user's own checks, if there are any."""
    if all(is_ours(check.path) for check in checks):
        return contextlib.nullcontext()
    return Child("rlaudit.auditing.own_checks")


def _audit_each(
    sources: Sequence[Source],
    runs: Sequence[str],
    chosen: Chosen,
    one: Callable[[int, Source, Sequence[str]], SourceReport],
) -> tuple[list[SourceReport], tuple[str, ...]]:
    """Audit ``sources`` by ``one``, and say which were left out on purpose.

    ``chosen`` says which of ``runs`` each has, where that was looked up.
    """
    reports: list[SourceReport] = []
    notes: list[str] = []
    for number, source in enumerate(sources):
        these = chosen.get(source.path, tuple(runs))
        try:
            if isinstance(these, RlauditError):
                reports.append(_unread(source.name, source.path, these, named=source.named))
            elif runs and not these:
                notes.append(f"{source.name} was left out: it has none of the runs asked for")
            elif (left := source.chosen(these)) is not None:
                reports.append(one(number, source, left))
        except NotALogError:
            notes.append(f"{source.name} is no rlaudit log and was left out")
    return reports, tuple(notes)


def _unread(
    name: str, path: Path, error: RlauditError, *, named: bool, look: int | None = None
) -> SourceReport:
    """Return the report of a log that cannot be read.

    Raises ``error`` if it says that the file is no log, and it was not ``named`` by the user.
    """
    if isinstance(error, NotALogError) and not named:
        raise error
    return SourceReport(name, path, problems=(Problem.of(error, source=name),), look=look)


def _names(con: DuckDBPyConnection) -> dict[str | None, tuple[str | None, str | None]]:
    rows = con.execute(
        "SELECT run_id, first(env_id ORDER BY started_at NULLS LAST), "
        "first(name ORDER BY started_at NULLS LAST) FROM raw.runs GROUP BY run_id"
    ).fetchall()
    return {run_id: (env_id, name) for run_id, env_id, name in rows}


def _read_from_spool(result: CheckResult) -> CheckResult:
    findings = tuple(replace(finding, spooled=True) for finding in result.findings)
    return replace(result, findings=findings)


def _problems(results: Sequence[CheckResult], source: str) -> tuple[Problem, ...]:
    """Return what failed, each failure once, or that nothing could be judged at all."""
    failed: dict[str, Problem] = {}
    for result in results:
        if result.problem is not None:
            # A damaged log fails every check, each at another byte.
            key = str(result.problem) if result.problem.path else source
            failed.setdefault(key, result.problem)
    if results and all(result.status == "not_applicable" for result in results):
        reason = Counter(result.message for result in results).most_common(1)[0][0]
        failed[""] = Problem(
            f"nothing in {source} could be judged: {reason}",
            hint="the log has no rows that the chosen checks read",
            source=source,
        )
    return tuple(failed.values())


def _beyond(number: int, sources: int, on_progress: Progress | None) -> Progress | None:
    """Return ``on_progress`` for the log of this number, counting over all of them."""
    if on_progress is None:
        return None

    def show(done: int, checks: int, check: str, source: str) -> object:
        return on_progress(number * checks + done, sources * checks, check, source)

    return show

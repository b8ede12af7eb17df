"""Run a user's own checks in a child, so that none of them costs the results of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rlaudit.apart.messages import Began, EndedError, SpoiltError
from rlaudit.auditing.checks import each_result
from rlaudit.auditing.failures import is_spoilt
from rlaudit.auditing.results import CheckResult
from rlaudit.errors import Problem, QueryError, RlauditError, SqlFileError
from rlaudit.sqlfiles import is_ours
from rlaudit.store import memory_limit_of, open_for_reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rlaudit.apart.child import Child
    from rlaudit.auditing.incremental import EarlierVerdicts
    from rlaudit.sqlfiles import CheckFile
    from rlaudit.store import Log


def results_of(
    log: Log,
    checks: Sequence[CheckFile],
    *,
    child: Child | None,
    timeout: float,
    wait: float,
    memory_limit: str | None,
    threads: int | None,
    earlier: EarlierVerdicts | None,
    source: str,
    **options: Any,
) -> Iterator[CheckFile | CheckResult]:
    """Give each of ``checks`` before it is run over ``log``, and then its result.

    Ours come first, in this process. The user's own run in ``child``, which is there if there are
    any, over the rows that this process sees. ``options`` are those of :func:`each_result`.
    """
    ours = [check for check in checks if is_ours(check.path)]
    yield from each_result(log.con, ours, earlier=earlier, source=source, **options)
    if child is not None:
        own = [check for check in checks if not is_ours(check.path)]
        yield from _results_apart(
            child,
            timeout,
            own,
            log.file,
            source=source,
            earlier={check.name: (earlier or {}).get(check.name, {}) for check in own},
            wait=wait,
            spooled=log.spooled,
            memory_limit=memory_limit,
            threads=threads,
            **options,
        )


def _results_apart(
    child: Child,
    timeout: float,
    checks: Sequence[CheckFile],
    path: Path,
    *,
    source: str,
    **options: Any,
) -> Iterator[CheckFile | CheckResult]:
    """Give each of ``checks`` before it is run over the log at ``path``, and then its result.

    A check that takes more than ``timeout`` seconds, too much memory, or its process with it, is a
    result with status ``error``. So are all that are left if the child cannot read the log.
    """
    left = list(checks)
    try:
        for step in child.run_each(timeout, judge, checks, path, source=source, **options):
            if isinstance(step, Began):
                yield left[0]
            elif isinstance(step, EndedError):
                yield _failed(left.pop(0), f"the query {step}", step.hint, source)
            else:
                del left[0]
                yield step
    except RlauditError as error:
        problem = Problem.of(error, source=source)
        for check in left:
            yield check
            yield CheckResult(check, "error", message=str(problem), problem=problem)


def judge(
    checks: Sequence[CheckFile],
    path: Path,
    *,
    wait: float,
    spooled: Sequence[Path],
    memory_limit: str | None,
    threads: int | None,
    source: str,
    **options: Any,
) -> Iterator[Began | CheckResult]:
    """Run ``checks`` in a child; ``options`` are those of :func:`each_result`."""
    limits: dict[str, Any] = {"memory_limit": memory_limit, "threads": threads}
    with open_for_reading(path, wait=wait, others=True, spooled=spooled, **limits) as log:
        memory = memory_limit_of(log.con)
        for step in each_result(log.con, checks, source=source, **options):
            if not isinstance(step, CheckResult):
                yield Began(step.name, memory)
                continue
            spoilt = step.status == "error" and is_spoilt(log.con)
            if spoilt and step.check is not checks[0]:
                raise SpoiltError("was spoilt by another one")
            try:
                yield step
            except QueryError as error:  # too large to be handed over
                yield _failed(step.check, str(error), error.hint, source)
            if spoilt:
                raise SpoiltError("spoils what comes after it")


def _failed(check: CheckFile, message: str, hint: str, source: str) -> CheckResult:
    placed = SqlFileError(f"{check.path}:1: {message}", hint=hint)
    problem = Problem.of(placed, check=check.name, source=source)
    return CheckResult(check, "error", message=str(problem), problem=problem)

"""What the mutants and the healthy runs share: a configuration from settings, and a whole audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rlaudit.auditing import CheckResult, run_checks
from rlaudit.envs import resolve_env
from rlaudit.errors import RlauditError
from rlaudit.presets import resolve
from rlaudit.sqlfiles import load_checks
from rlaudit.store import open_for_reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from rlaudit.config import TrainConfig
    from rlaudit.sqlfiles import CheckFile


def config_of(settings: Mapping[str, Any]) -> TrainConfig:
    """Return the configuration of ``settings``, as ``rlaudit train`` makes it."""
    stated = dict(settings)
    env = resolve_env(stated.pop("env"))
    preset = stated.pop("preset", None)
    return resolve(
        env.name, atari=env.is_atari, preset=preset, from_flags=stated, from_env=env.implied
    )


def audit(
    log_path: Path, checks: Iterable[CheckFile] | None = None, *, limit: int = 10, threads: int = 0
) -> list[CheckResult]:
    """Run all checks over a log; one that cannot be run at all is a result of status ``error``."""
    chosen = list(load_checks() if checks is None else checks)
    with open_for_reading(log_path) as log:
        if threads:
            log.con.execute(f"SET threads = {threads}")
        try:
            return run_checks(log.con, chosen, limit=limit)
        except RlauditError:
            return [_run_alone(log.con, check, limit) for check in chosen]


def _run_alone(con: Any, check: CheckFile, limit: int) -> CheckResult:
    try:
        return run_checks(con, [check], limit=limit)[0]
    except RlauditError as error:
        return CheckResult(check, "error", message=str(error))


def sentences(result: CheckResult) -> list[str]:
    """Return the diagnosis of each example of a failing check."""
    return [result.diagnosis(example) for example in result.examples]

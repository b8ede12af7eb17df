"""What the mutants and the healthy runs share: a configuration from settings, and a whole audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rlaudit.auditing import CheckResult, run_checks
from rlaudit.envs import resolve_env
from rlaudit.presets import resolve
from rlaudit.sqlfiles import load_checks
from rlaudit.store import open_for_reading

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rlaudit.config import TrainConfig


def config_of(settings: Mapping[str, Any]) -> TrainConfig:
    """Return the configuration of ``settings``, as ``rlaudit train`` makes it."""
    stated = dict(settings)
    env = resolve_env(stated.pop("env"))
    preset = stated.pop("preset", None)
    return resolve(
        env.name, atari=env.is_atari, preset=preset, from_flags=stated, from_env=env.implied
    )


def audit(
    log_path: Path, *, only: str | None = None, limit: int = 10, threads: int = 0
) -> list[CheckResult]:
    """Run all checks over a log, or one; ``limit`` bounds the examples, ``threads`` 0 is all."""
    checks = [check for check in load_checks() if only in (None, check.name)]
    with open_for_reading(log_path, threads=threads or None) as log:
        return run_checks(log.con, checks, limit=limit)


def sentences(result: CheckResult) -> list[str]:
    """Return the diagnosis of each example of a failing check."""
    return [result.diagnosis(example) for example in result.examples]

"""What a run is called, and what the log says of it when it begins."""

from __future__ import annotations

import secrets
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from json import dumps
from typing import TYPE_CHECKING

from rlaudit.records import RunInfo
from rlaudit.version import __version__

if TYPE_CHECKING:
    from rlaudit.config import TrainConfig

_PACKAGES = ("numpy", "torch", "gymnasium", "ale-py", "duckdb")


def new_run_id(name: str) -> str:
    """Return an id that no other run has: name, UTC time to the second, 32 random bits.

    The time is for people. Runs that start in the same second on several machines differ by the
    random part, which is drawn from the operating system and not from the run's seed.
    """
    now = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return f"{name}-{now}-{secrets.token_hex(4)}"


def run_info(config: TrainConfig, run_id: str, name: str) -> RunInfo:
    """Return the row of a run."""
    settings = config.to_json()
    return RunInfo(
        run_id=run_id,
        name=name,
        env_id=config.env.env,
        config=settings,
        seed=config.schedule.seed,
        versions=dumps(_versions()),
    )


def _versions() -> dict[str, str]:
    found = {"rlaudit": __version__, "python": sys.version.split()[0]}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found

"""The command line: parse, call, render, exit. Nobody imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlaudit.errors import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line ``args`` (those of the process, if None) and return its exit code."""
    try:
        from rlaudit.cli.app import main as run_command
    except KeyboardInterrupt:  # while Python reads the packages that the commands are made with
        return EXIT_INTERRUPTED
    return run_command(args)

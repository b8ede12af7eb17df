"""The command line: parse, call, render, exit. Nobody imports it."""

from __future__ import annotations

from rlaudit.cli.app import main

__all__ = ["main"]

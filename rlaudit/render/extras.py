"""Packages that only some commands need, and what to do where they are missing."""

from __future__ import annotations

from importlib.util import find_spec

from rlaudit.errors import MissingExtraError


def require(package: str, *, doing: str, extra: str = "plot") -> None:
    """Raise :class:`MissingExtraError` unless ``package``, which ``extra`` brings, is there."""
    if find_spec(package) is None:
        raise MissingExtraError(f"{doing} needs {package}", hint=f"pip install 'rlaudit[{extra}]'")

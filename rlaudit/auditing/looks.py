"""Correct checks that draw on chance for looking again at a growing log."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from rlaudit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rlaudit.sqlfiles import CheckFile


def at_look(checks: Iterable[CheckFile], look: int | None) -> tuple[CheckFile, ...]:
    """Return ``checks`` with every parameter ``alpha`` as it is at the ``look``-th look.

    It is multiplied by 6 / (pi^2 look^2), which adds up to 1 over all looks: however often a
    growing log is looked at, the chance of a false alarm stays below alpha. A log that is looked
    at once, ``look`` None, has alpha whole.

    Raises :class:`UsageError` if ``look`` is below 1.
    """
    if look is None:
        return tuple(checks)
    if look < 1:
        raise UsageError(f"look is {look}", hint="looks are counted from 1")
    share = 6 / (math.pi * look) ** 2
    return tuple(_with_alpha_times(check, share) for check in checks)


def _with_alpha_times(check: CheckFile, share: float) -> CheckFile:
    params = tuple(
        replace(param, default=param.default * share)
        if param.name == "alpha" and isinstance(param.default, float)
        else param
        for param in check.params
    )
    return replace(check, params=params)

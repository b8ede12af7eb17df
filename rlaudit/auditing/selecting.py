"""Choose checks by name, family or pattern."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from rlaudit.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rlaudit.sqlfiles import CheckFile


def select_checks(
    checks: Sequence[CheckFile],
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    *,
    unreadable: Collection[str] = (),
) -> tuple[CheckFile, ...]:
    """Return the checks that ``select`` names (all, if it is empty) less those of ``ignore``.

    An entry is the name of a check, a family, or a pattern with ``*``, ``?`` or ``[...]`` over
    either; several may stand in one entry, separated by commas. ``unreadable`` are names of files
    that are no checks because something is wrong with them: an entry may mean one of these.

    Raises :class:`UsageError` for an entry that matches nothing, and if nothing is left.
    """
    wanted = matched(checks, select, unreadable)
    left = (wanted if select else {check.name for check in checks}) - matched(
        checks, ignore, unreadable
    )
    if checks and not left and not unreadable:
        raise UsageError("no check is selected", hint="what --select names, --ignore leaves out")
    return tuple(check for check in checks if check.name in left)


def matched(
    checks: Sequence[CheckFile], entries: Sequence[str], unreadable: Collection[str]
) -> set[str]:
    """Return the names of ``checks`` that ``entries`` mean, in the form of :func:`select_checks`.

    Raises :class:`UsageError` for an entry that matches nothing.
    """
    found: set[str] = set()
    for entry in (part.strip() for text in entries for part in text.split(",")):
        names = {
            check.name
            for check in checks
            if fnmatchcase(check.name, entry) or fnmatchcase(check.family, entry)
        }
        if not names and not any(fnmatchcase(name, entry) for name in unreadable):
            known = {check.name for check in checks} | {check.family for check in checks}
            raise UsageError(
                f"no check or family is called {entry!r}", hint=did_you_mean(entry, known)
            )
        found |= names
    return found

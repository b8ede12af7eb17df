"""Find a column by the name that a user gives, and say what is wrong if there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlaudit.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence


def find_column(columns: Sequence[str], name: str) -> list[int]:
    """Return the positions of the columns that ``name`` means: more than one is an ambiguity.

    A column of exactly this name counts more than those that differ in case or in blanks around.
    """
    exact = [position for position, column in enumerate(columns) if column == name]
    if exact:
        return exact
    loose = name.strip().casefold()
    return [i for i, column in enumerate(columns) if column.strip().casefold() == loose]


def positions_of(owner: str, columns: Sequence[str], names: Sequence[str]) -> list[int]:
    """Return for each of ``names`` the position of the one column of ``owner`` that it means.

    Raises :class:`UsageError` if a name means no column or several, or two names mean one.
    """
    found = [_position(owner, columns, name) for name in names]
    refuse_twice(found, names)
    return found


def refuse_twice(positions: Sequence[int], names: Sequence[str]) -> None:
    """Raise :class:`UsageError` for the first of ``names`` whose position came before."""
    for i, position in enumerate(positions):
        if position in positions[:i]:
            raise UsageError(
                f"column {names[i]!r} is named twice",
                hint="a column is part of the group or of the value, not both",
            )


def no_column(owner: str, name: str, columns: Sequence[str], *, hint: str = "") -> UsageError:
    """Return the error for a ``name`` that no column of ``owner`` has."""
    offer = did_you_mean(name, columns) if columns else "it has no columns"
    return UsageError(f"{owner} has no column {name!r}", hint=f"{offer}; {hint}" if hint else offer)


def _position(owner: str, columns: Sequence[str], name: str) -> int:
    found = find_column(columns, name)
    if not found:
        raise no_column(owner, name, columns)
    if len(found) > 1:
        alike = ", ".join(repr(columns[position]) for position in found)
        raise UsageError(
            f"{owner} has {len(found)} columns that {name!r} may mean: {alike}",
            hint="give each column a name of its own",
        )
    return found[0]

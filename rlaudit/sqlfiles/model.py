"""What the SQL files in ``sql/checks``, ``sql/reports`` and ``sql/shared`` say, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rlaudit.errors import SqlFileError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

Severity = Literal["error", "warning"]
ParamValue = str | int | float | bool | None

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
FOUND = "found"
"""The placeholder for how many wrong rows the run has; the others are columns of the result."""


@dataclass(frozen=True, slots=True)
class Param:
    """A figure that a file takes from outside, read in SQL as ``getvariable('name')``.

    One that is ``required`` has no default: who runs the file must give a value. ``least`` and
    ``most`` bound a number, themselves included; None does not.
    """

    name: str
    type: str
    default: ParamValue
    required: bool = False
    least: int | float | None = None
    most: int | float | None = None

    @property
    def bounds(self) -> str:
        """The bounds in words; "" if there are none."""
        least, most = (
            f"{bound:g}" if isinstance(bound, float) else bound for bound in (self.least, self.most)
        )
        if least is not None and most is not None:
            return f"from {least} to {most}"
        if least is not None:
            return f"at least {least}"
        return "" if most is None else f"at most {most}"

    def allows(self, value: ParamValue) -> bool:
        """Whether ``value`` lies within the bounds; NULL does, NaN does not where there are any."""
        if value is None or isinstance(value, str):
            return True
        # Not value < least: that is false of NaN.
        above = self.least is None or self.least <= value
        return above and (self.most is None or value <= self.most)


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a log must state before a check can judge it.

    ``config.KEY`` must be in the run's settings, and equal one of ``allowed`` if that is given;
    ``TABLE.COLUMN`` must have a value in at least one of the run's rows. TABLE is the view if the
    check reads the view, else the table in ``raw``; ``raw.TABLE.COLUMN`` says which.
    """

    owner: str
    term: str
    allowed: tuple[str, ...] = ()

    @property
    def is_setting(self) -> bool:
        """Whether a setting of the run is asked for, and not a column."""
        return self.owner == "config"

    def __str__(self) -> str:
        """Return it as it stands in a header."""
        wanted = f" = {' | '.join(self.allowed)}" if self.allowed else ""
        return f"{self.owner}.{self.term}{wanted}"


@dataclass(frozen=True, slots=True)
class Cause:
    """A check of which another is as a rule a consequence, where both fail in one run.

    With a ``column`` only if a row that the cause returns is true there.
    """

    check: str
    column: str | None = None

    def __str__(self) -> str:
        """Return it as it stands in a header."""
        return f"{self.check}.{self.column}" if self.column else self.check


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A table that several checks need: one SELECT, built once an audit in schema ``shared``.

    ``is_view`` says that its rows are not kept, but worked out wherever they are read. ``slices``
    is a column by whose value the rows can be built in parts. ``error`` is why a file cannot be
    used; then only ``name`` and ``path`` say something.
    """

    name: str
    title: str
    reads: tuple[str, ...]
    needs: tuple[str, ...]
    path: Path
    sql: str
    is_view: bool = False
    slices: str | None = None
    error: SqlFileError | None = None

    @property
    def kind(self) -> str:
        """What is created of it, in the words of SQL."""
        return "VIEW" if self.is_view else "TABLE"


@dataclass(frozen=True, slots=True)
class QueryFile:
    """A SELECT over a log, and what its header says of it: what checks and reports share.

    It applies to a run that has rows in ``reads`` and all that ``requires`` asks for; the run
    need not have rows in ``also_reads``. With ``whole_log`` it applies to all runs that have rows
    in any of ``reads``. ``lines`` says where each key of the header stands.
    """

    name: str
    title: str
    reads: tuple[str, ...]
    also_reads: tuple[str, ...]
    needs: tuple[str, ...]
    requires: tuple[Requirement, ...]
    params: tuple[Param, ...]
    cites: str
    path: Path
    sql: str
    lines: Mapping[str, int]
    whole_log: bool

    def fail(self, key: str, message: str, *, hint: str = "") -> SqlFileError:
        """Return an error that points to the line of ``key``, or to line 1 if it is absent."""
        return SqlFileError(f"{self.path}:{self.lines.get(key, 1)}: {message}", hint=hint)


@dataclass(frozen=True, slots=True)
class CheckFile(QueryFile):
    """One check: its rows are what is wrong.

    ``groups`` names in the plural what is judged, and ``counted`` the table whose rows are its
    number; without it they are the rows of ``reads[0]`` less the further copies that were found.
    ``assumes``, ``threshold`` and ``false_alarms`` are sentences, empty for a check that no legal
    log can fail. ``incremental`` is the id by which new rows can be judged without older ones.
    ``after`` are the checks of which this one is a likely consequence.
    """

    family: str
    severity: Severity
    grain: tuple[str, ...]
    groups: str
    counted: str | None
    diagnosis: str
    why: str
    assumes: str
    threshold: str
    false_alarms: str
    incremental: str | None
    after: tuple[Cause, ...]

    @property
    def diagnosis_line(self) -> int:
        """The line on which the diagnosis begins."""
        return self.lines["diagnosis"]

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The columns that the diagnosis is filled from."""
        return tuple(name for name in _PLACEHOLDER.findall(self.diagnosis) if name != FOUND)

    def check_columns(self, columns: Collection[str]) -> None:
        """Raise :class:`SqlFileError` if grain or diagnosis name what the SELECT lacks."""
        for name in (*self.grain, *self.placeholders):
            if name not in columns:
                raise self.fail(
                    "diagnosis",
                    f"grain or diagnosis names {name!r}, which is no column of the result",
                    hint=did_you_mean(name, columns),
                )


@dataclass(frozen=True, slots=True)
class ReportFile(QueryFile):
    """One report: its rows answer ``question``.

    ``reading`` says what to make of them, and ``empty`` what it means that there are none. All
    three may be "".
    """

    question: str
    reading: str
    empty: str

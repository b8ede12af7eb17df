"""Turn the text of a SQL file into a check, a report or a shared table.

Keys of a check:

=========  ========  ==========================================================================
key        required  value
=========  ========  ==========================================================================
name       yes       the file's name without ``.sql``
title      yes       what is checked, for the list of checks
severity   yes       ``error`` (findings end a command with exit code 1) or ``warning``
reads      yes       tables, separated by commas; the check applies to runs that have rows in all
grain      yes       columns that identify one row of the result; the first is ``run_id``
groups     yes       what is judged, in the plural, and optionally ``= TABLE`` whose rows it counts
diagnosis  yes       one sentence on what is wrong; ``{column}`` is filled from a row of the
                     result, ``{found}`` with the number of rows that were found in its run
why        yes       what goes wrong in training, or in reading the log, if this is wrong
also_reads no        tables that a run need not have rows in for the check to judge it
scope      no        ``log``: the check applies to every run that has rows in any of ``reads``, and
                     where some runs are chosen, also to those that ``raw.runs`` does not have
needs      no        tables from ``sql/shared``, read as ``shared.NAME``
requires   no        ``config.KEY``, ``config.KEY = A | B`` or ``TABLE.COLUMN``, comma-separated
params     no        ``NAME TYPE = DEFAULT``, comma-separated, read as ``getvariable('NAME')``; a
                     number may have bounds: ``spans BIGINT = 20 from 1 to 1000``, or one of them
assumes    no        what must hold of a log for the verdict to be right, beyond ``requires``
threshold  no        how far off a row must be to be returned, and where that figure is from
after      no        checks, comma-separated, of which a finding of this one is a likely consequence
                     where they fail in the same run; ``NAME.COLUMN``: only if the column of their
                     result is true
=========  ========  ==========================================================================

Three keys are longer than that: ``false_alarms`` (how often a healthy run fails the check, and how
that is known), ``incremental`` (``update_id``, ``transition_id`` or ``episode_id``: rows with a
greater id can be judged without the older ones) and ``cites`` (papers, bug reports, and what was
confirmed and how). All three are optional. A check that draws on chance has a parameter ``alpha``,
the chance it may fail a healthy run with, and states ``threshold`` and ``false_alarms``.

A report has name, title and reads, and optionally also_reads, needs, requires, params and cites as
above, and three keys of its own: ``question``, what it answers, ``reading``, what to make of the
answer, and ``empty``, what it means that there are no rows. A parameter of a report may leave out
``= DEFAULT``; whoever runs it must then give a value.

A shared file has name, title and reads, and optionally needs, ``kind: view`` (nothing is kept of a
view, and each file that reads it does its work again) and ``slices: COLUMN``: of a large log the
table is built in parts, each for some values of that id, to bound the memory that it takes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from rlaudit import files
from rlaudit.errors import SqlFileError, did_you_mean
from rlaudit.sqlfiles.headers import Header, parse_header
from rlaudit.sqlfiles.model import (
    Cause,
    CheckFile,
    Param,
    ParamValue,
    QueryFile,
    ReportFile,
    Requirement,
    Severity,
    SharedFile,
)
from rlaudit.sqlfiles.text import parameters_read, tables_named

if TYPE_CHECKING:
    from pathlib import Path

_CHECK_REQUIRED = ("name", "title", "severity", "reads", "grain", "groups", "diagnosis", "why")
_CHECK_OPTIONAL = (
    "also_reads",
    "scope",
    "needs",
    "requires",
    "params",
    "assumes",
    "threshold",
    "false_alarms",
    "incremental",
    "after",
    "cites",
)
_INCREMENTS = ("update_id", "transition_id", "episode_id")
_REPORT_OPTIONAL = (
    "question",
    "reading",
    "empty",
    "also_reads",
    "needs",
    "requires",
    "params",
    "cites",
)
_TABLE_REQUIRED = ("name", "title", "reads")
_SEVERITIES = ("error", "warning")
_PARAM = re.compile(
    r"(?P<name>[a-z_]\w*) +(?P<type>[A-Z]+)(?: *= *(?P<default>'.*'|.+?))?"
    r"(?: +from +(?P<least>\S+))?(?: +to +(?P<most>\S+))?$"
)
_REQUIREMENT = re.compile(
    r"(?P<owner>[a-z_]\w*(?:\.[a-z_]\w*)?)\.(?P<term>[a-z_]\w*)(?: *= *(?P<allowed>.+))?$"
)
_CAUSE = re.compile(r"(?P<check>[a-z_]\w*)(?:\.(?P<column>[a-z_]\w*))?$")
_TYPES = {"BIGINT": int, "DOUBLE": float, "VARCHAR": str, "BOOLEAN": bool}
_TEXT = re.compile(r"'(.*)'")
_BRACE = re.compile(r"\{(\w*)\}|[{}]")


def parse_check(text: str, path: Path) -> CheckFile:
    """Return the check that ``text``, the contents of ``path``, describes.

    Raises :class:`SqlFileError` for a header that breaks the format. The statement itself is
    judged by :func:`rlaudit.sqlfiles.verify_statement`.
    """
    header = parse_header(text, path, required=_CHECK_REQUIRED, optional=_CHECK_OPTIONAL)
    severity = header.values["severity"]
    if severity not in _SEVERITIES:
        raise header.fail(
            "severity", f"unknown severity {severity!r}", hint="write error or warning"
        )
    grain = header.items("grain")
    if grain[0] != "run_id":
        raise header.fail("grain", "the first column of the grain is not run_id")
    incremental = header.values.get("incremental")
    if incremental not in (None, *_INCREMENTS):
        raise header.fail(
            "incremental",
            f"incremental is {incremental!r}",
            hint=f"write one of {', '.join(_INCREMENTS)}",
        )
    noun, _, counted = (part.strip() for part in header.values["groups"].partition("="))
    check = CheckFile(
        **_common(header, path, text, _params(header)),
        family=path.parent.name,
        severity=cast("Severity", severity),
        grain=grain,
        groups=noun,
        counted=counted or None,
        diagnosis=_diagnosis(header),
        why=header.values["why"],
        assumes=header.values.get("assumes", ""),
        threshold=header.values.get("threshold", ""),
        false_alarms=header.values.get("false_alarms", ""),
        incremental=incremental,
        after=tuple(_cause(header, part) for part in header.items("after")),
    )
    _refuse_unstated(check)
    return check


def parse_report(text: str, path: Path) -> ReportFile:
    """Return the report that ``text``, the contents of ``path``, describes.

    Raises :class:`SqlFileError` for a header that breaks the format.
    """
    header = parse_header(text, path, required=_TABLE_REQUIRED, optional=_REPORT_OPTIONAL)
    report = ReportFile(
        **_common(header, path, text, _params(header, may_lack_default=True)),
        question=header.values.get("question", ""),
        reading=header.values.get("reading", ""),
        empty=header.values.get("empty", ""),
    )
    _refuse_unstated(report)
    return report


def parse_shared(text: str, path: Path) -> SharedFile:
    """Return the shared table that ``text``, the contents of ``path``, describes."""
    header = parse_header(
        text, path, required=_TABLE_REQUIRED, optional=("needs", "kind", "slices")
    )
    kind = header.values.get("kind", "view")
    if kind != "view":
        raise header.fail("kind", f"kind is {kind!r}", hint="write view, or leave it out")
    return SharedFile(
        name=_name(header, path),
        title=header.values["title"],
        reads=header.items("reads"),
        needs=header.items("needs"),
        path=path,
        sql=text,
        is_view="kind" in header.values,
        slices=header.values.get("slices"),
    )


def _common(header: Header, path: Path, text: str, params: tuple[Param, ...]) -> dict[str, Any]:
    """Return the fields that a check and a report share."""
    scope = header.values.get("scope", "log")
    if scope != "log":
        raise header.fail("scope", f"scope is {scope!r}", hint="write log, or leave it out")
    return {
        "name": _name(header, path),
        "title": header.values["title"],
        "reads": header.items("reads"),
        "also_reads": header.items("also_reads"),
        "needs": header.items("needs"),
        "requires": tuple(_requirement(header, part) for part in header.items("requires")),
        "params": params,
        "cites": header.values.get("cites", ""),
        "path": path,
        "sql": text,
        "lines": header.lines,
        "whole_log": "scope" in header.values,
    }


def _refuse_unstated(file: QueryFile) -> None:
    """Refuse what would not fail when it runs: an unset parameter is NULL, and NULL passes."""
    stated = [param.name for param in file.params]
    for name, line in parameters_read(file.sql).items():
        if name not in stated:
            raise SqlFileError(
                f"{file.path}:{line}: reads the parameter {name!r}, which params does not state",
                hint=did_you_mean(name, stated)
                if stated
                else f"add '-- params: {name} TYPE = ...'",
            )
    for name, line in tables_named(file.sql, "shared").items():
        if name not in file.needs:
            raise SqlFileError(
                f"{file.path}:{line}: reads shared.{name}, which needs does not state",
                hint=f"add it: '-- needs: {', '.join([*file.needs, name])}'",
            )


def _name(header: Header, path: Path) -> str:
    name = header.values["name"]
    if name != path.stem:
        raise header.fail(
            "name", f"name is {name!r} and the file's is {path.stem!r}", hint="make them agree"
        )
    return name


def _diagnosis(header: Header) -> str:
    text = header.values["diagnosis"]
    for found in _BRACE.finditer(text):
        if not found[1]:
            raise header.fail(
                "diagnosis", f"the brace {found[0]!r} encloses no column", hint="write {column}"
            )
    return text


def _cause(header: Header, part: str) -> Cause:
    found = _CAUSE.match(part)
    if found is None:
        raise header.fail("after", f"after has {part!r}", hint="write NAME or NAME.COLUMN")
    return Cause(found["check"], found["column"])


def _requirement(header: Header, part: str) -> Requirement:
    found = _REQUIREMENT.match(part)
    if found is None or (found["allowed"] and found["owner"] != "config"):
        raise header.fail(
            "requires",
            f"requires has {part!r}",
            hint="write config.KEY, config.KEY = VALUE | VALUE, or TABLE.COLUMN",
        )
    allowed = tuple(value.strip() for value in (found["allowed"] or "").split("|"))
    return Requirement(found["owner"], found["term"], allowed if found["allowed"] else ())


def _params(header: Header, *, may_lack_default: bool = False) -> tuple[Param, ...]:
    params = tuple(_param(header, part, may_lack_default) for part in header.items("params"))
    names = [param.name for param in params]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise header.fail("params", f"params names {repeated[0]!r} twice")
    return params


def _param(header: Header, part: str, may_lack_default: bool) -> Param:
    found = _PARAM.match(part)
    if found is None or (found["default"] is None and not may_lack_default):
        raise header.fail(
            "params",
            f"params has {part!r}",
            hint="write name TYPE = default, and behind it, for a number, from LEAST to MOST",
        )
    name, kind = found["name"], found["type"]
    if kind not in _TYPES:
        raise header.fail(
            "params",
            f"parameter {name!r} has the type {kind}",
            hint=did_you_mean(kind, _TYPES),
        )
    param = Param(
        name,
        kind,
        _value(header, found, "default"),
        required=found["default"] is None,
        least=_bound(header, found, "least"),
        most=_bound(header, found, "most"),
    )
    if param.least is not None and param.most is not None and param.least > param.most:
        raise header.fail("params", f"no value of {name!r} is {param.bounds}")
    if not param.allows(param.default):
        raise header.fail(
            "params", f"{param.default}, the default of {name!r}, is not {param.bounds}"
        )
    return param


def _bound(header: Header, found: re.Match[str], which: str) -> int | float | None:
    if found[which] is not None and found["type"] not in ("BIGINT", "DOUBLE"):
        raise header.fail(
            "params", f"{found['name']!r} has bounds and is {found['type']}, which is no number"
        )
    return cast("int | float | None", _value(header, found, which))


def _value(header: Header, found: re.Match[str], which: str) -> ParamValue:
    """Return a default or a bound as the Python value that is bound; None if it is not there."""
    text, kind = found[which], found["type"]
    if text is None or (text == "NULL" and which == "default"):
        return None
    try:
        if kind == "BOOLEAN":
            return {"true": True, "false": False}[text]
        if kind == "VARCHAR":
            return _TEXT.fullmatch(text)[1]  # type: ignore[index]  # no match: TypeError below
        return int(text) if kind == "BIGINT" else float(text)
    except (ValueError, KeyError, TypeError):
        what = "default" if which == "default" else f"{which} value"
        raise header.fail(
            "params", f"{text!r}, the {what} of {found['name']!r}, is no {kind}"
        ) from None


def read_text(path: Path) -> str:
    """Return the contents of a SQL file; an unreadable one is a :class:`SqlFileError`."""
    try:
        return files.read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SqlFileError(f"{path}:1: cannot be read: {reason}") from error

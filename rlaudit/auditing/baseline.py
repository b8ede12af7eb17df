"""Accept the findings of today, so that later audits show only new ones.

A baseline is a JSON file that one can read and review: the version of its format, by what it knows
a run (``key``), and for each accepted finding its check, its run and a number of wrong rows. A run
is known by its environment and its name, so that tonight's run under a new id is the one of last
night; or by its id. Of several runs that are known as one, the rows are those of the one that has
most, and each is compared with them by itself: a finding with more rows is shown again. A run that
states neither environment nor name is known by its id in any case.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from rlaudit.auditing.results import Accepted, AuditReport, CheckResult, SourceReport
from rlaudit.errors import UsageError, did_you_mean
from rlaudit.files import read_text
from rlaudit.stated_config import load_json
from rlaudit.version import __version__

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

BaselineKey = Literal["name", "run-id"]

BASELINE_VERSION = 2
_VERSION = "rlaudit_baseline"
# Version 1 knew runs by their ids alone, and did not say so.
_KEYS: Mapping[int, frozenset[str]] = {
    1: frozenset({_VERSION, "rlaudit_version", "accepted"}),
    2: frozenset({_VERSION, "rlaudit_version", "key", "accepted"}),
}
_BY: tuple[BaselineKey, ...] = ("name", "run-id")
_WRITE = "rlaudit baseline write makes one"


class _Known(NamedTuple):
    """What a baseline knows a finding by; ``run_id`` or the other two are None, or all are."""

    check: str
    run_id: str | None = None
    env_id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Baseline:
    """The accepted wrong rows, and by what the runs that have them are known."""

    path: str
    by: BaselineKey
    rows: Mapping[_Known, int]


def write_baseline(report: AuditReport, path: str | Path, *, by: BaselineKey = "name") -> int:
    """Write all findings of ``report``, accepted ones included, and return the number of entries.

    Runs of one environment and name share an entry, unless they are known ``by`` their ids.

    Raises :class:`UsageError` if the file cannot be written.
    """
    accepted: dict[_Known, int] = {}
    for source in report.sources:
        for result in source.results:
            for finding in (*result.findings, *result.accepted):
                key = _known(source, finding.check.name, finding.run_id, by)
                accepted[key] = max(finding.rows, accepted.get(key, 0))
    content = {
        _VERSION: BASELINE_VERSION,
        "rlaudit_version": __version__,
        "key": by,
        "accepted": [_as_entry(key, rows) for key, rows in sorted(accepted.items(), key=str)],
    }
    try:
        Path(path).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write the baseline {path}: {error.strerror}", hint="choose another place"
        ) from error
    return len(accepted)


def read_baseline(path: str | Path) -> Baseline:
    """Return what a baseline, a file or a pipe, accepts; :class:`UsageError` if it is none."""
    try:
        content = load_json(
            read_text(Path(path), pipes=True), lambda pairs: _each_key_once(pairs, path)
        )
    except OSError as error:
        raise UsageError(f"cannot read the baseline {path}: {error.strerror}", hint=_WRITE) from (
            error
        )
    except UnicodeDecodeError as error:
        raise UsageError(f"the baseline {path} is no text", hint=_WRITE) from error
    except ValueError as error:
        raise UsageError(f"the baseline {path} {error}", hint=_WRITE) from error
    if not isinstance(content, dict) or _VERSION not in content:
        raise UsageError(f"{path} is not a baseline", hint=_WRITE)
    version = content[_VERSION]
    if type(version) is not int or version not in _KEYS:
        raise UsageError(
            f"the baseline {path} has version {json.dumps(version)}; rlaudit {__version__} reads "
            f"versions 1 to {BASELINE_VERSION}",
            hint="write it anew, or upgrade rlaudit",
        )
    _refuse_unknown(content, _KEYS[version], f"the baseline {path}")
    by = content.get("key") if version > 1 else "run-id"
    if by not in _BY:
        raise UsageError(
            f"the key of the baseline {path} is {json.dumps(by)}",
            hint=f"write one of {', '.join(_BY)}",
        )
    entries = content.get("accepted")
    if not isinstance(entries, list):
        raise UsageError(f"the baseline {path} has no list of accepted findings", hint="write anew")
    rows: dict[_Known, int] = {}
    for entry in entries:
        key, accepted = _from_entry(entry, path, by)
        if key in rows:
            raise UsageError(
                f"the baseline {path} accepts {key.check} in {_where(key)} twice",
                hint="keep one of the two",
            )
        rows[key] = accepted
    return Baseline(str(path), by, rows)


def apply_baseline(
    report: AuditReport, baseline: Baseline, known_checks: Collection[str]
) -> AuditReport:
    """Return ``report`` without what ``baseline`` accepts, and with what it accepts in vain.

    What it accepts of none of ``known_checks`` is in the notes.
    """
    judged = {
        _known(source, result.check.name, run_id, baseline.by)
        for source in report.sources
        for result in source.results
        for run_id in result.judged
    }
    found = {
        _known(source, finding.check.name, finding.run_id, baseline.by)
        for source in report.sources
        for finding in source.findings
    }
    gone = tuple(
        Accepted(key.check, key.run_id, rows, key.env_id, key.name)
        for key, rows in baseline.rows.items()
        if key in judged - found
    )
    notes = [*report.notes, *_unknown_checks(baseline, known_checks)]
    if baseline.rows and judged and not baseline.rows.keys() & judged:
        what = "id" if baseline.by == "run-id" else "environment and name"
        notes.append(
            f"the baseline {baseline.path} accepts nothing here: it knows runs by their {what}, "
            "and none of its entries is of a check and a run that were judged"
        )
    sources = tuple(_hide(source, baseline) for source in report.sources)
    return replace(report, sources=sources, gone=gone, notes=tuple(notes))


def _known(source: SourceReport, check: str, run_id: str | None, by: BaselineKey) -> _Known:
    """Return what the finding of ``check`` in a run of ``source`` is known by."""
    env_id, name = source.names.get(run_id, (None, None))
    if by == "run-id" or (env_id is None and name is None):
        return _Known(check, run_id)
    return _Known(check, None, env_id, name)


def _hide(source: SourceReport, baseline: Baseline) -> SourceReport:
    results = tuple(_split(source, result, baseline) for result in source.results)
    return replace(source, results=results)


def _split(source: SourceReport, result: CheckResult, baseline: Baseline) -> CheckResult:
    if result.status != "fail":
        return result
    shown, hidden = [], []
    for finding in result.findings:
        key = _known(source, result.check.name, finding.run_id, baseline.by)
        rows = baseline.rows.get(key, 0)
        if finding.rows <= rows:
            hidden.append(finding)
        else:
            shown.append(replace(finding, accepted=rows))
    return replace(
        result,
        status="fail" if shown else "pass",
        findings=tuple(shown),
        accepted=tuple(hidden),
    )


def _unknown_checks(baseline: Baseline, known: Collection[str]) -> list[str]:
    unknown = dict.fromkeys(key.check for key in baseline.rows if key.check not in known)
    return [
        f"the baseline {baseline.path} accepts findings of {check!r}, and no check is called so "
        f"({did_you_mean(check, known)})"
        for check in unknown
    ]


# --- entries of the file -------------------------------------------------------------------------


def _as_entry(key: _Known, rows: int) -> dict[str, Any]:
    if key.env_id is None and key.name is None:
        return {"check": key.check, "run_id": key.run_id, "rows": rows}
    return {"check": key.check, "env_id": key.env_id, "name": key.name, "rows": rows}


def _from_entry(entry: object, path: str | Path, by: BaselineKey) -> tuple[_Known, int]:
    of_id = {"check", "run_id", "rows"}
    of_name = {"check", "env_id", "name", "rows"}
    named = by == "name" and isinstance(entry, dict) and "run_id" not in entry
    wanted = of_name if named else of_id
    what = f"an entry of the baseline {path}"
    if isinstance(entry, dict):
        _refuse_unknown(entry, wanted, what)
    if not isinstance(entry, dict) or entry.keys() != wanted:
        hint = f"an entry has {_listed(of_id)}"
        raise UsageError(
            f"{what} is no finding: {json.dumps(entry)}",
            hint=f"{hint}, or {_listed(of_name)}" if by == "name" else hint,
        )
    rows = entry["rows"]
    texts = [entry[key] for key in wanted - {"rows", "check"}]
    if (
        type(rows) is not int
        or rows < 1
        or not isinstance(entry["check"], str)
        or not all(text is None or isinstance(text, str) for text in texts)
        or (named and texts == [None, None])
    ):
        raise UsageError(
            f"{what} cannot be meant: {json.dumps(entry)}",
            hint="check is a text, rows a number from 1, and what names the run a text or null"
            + (", not both null" if named else ""),
        )
    return _Known(entry["check"], entry.get("run_id"), entry.get("env_id"), entry.get("name")), rows


def _refuse_unknown(given: Iterable[str], known: Collection[str], what: str) -> None:
    for key in given:
        if key not in known:
            raise UsageError(f"{what} has the unknown key {key!r}", hint=did_you_mean(key, known))


def _each_key_once(pairs: Sequence[tuple[str, Any]], path: str | Path) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise UsageError(
            f"the baseline {path} has the key {twice!r} twice in one object",
            hint="keep one of the two",
        )
    return found


def _where(key: _Known) -> str:
    return Accepted(key.check, key.run_id, 0, key.env_id, key.name).where


def _listed(keys: Iterable[str]) -> str:
    return ", ".join(sorted(keys))

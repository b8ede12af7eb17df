"""A log, a check, a report and a table in which every text that one can choose is hostile."""

from __future__ import annotations

import json

from hostile_names import HOSTILE, NAMES

from rlaudit.record import Recorder
from rlaudit.records import EpisodeRow, EventRow, RunInfo
from rlaudit.sqlfiles import quoted_name
from rlaudit.store import open_for_writing

EPISODES = 6
# SQL ends at a NUL, and reading a file makes one line break of all kinds.
COLUMNS = tuple(name for name in NAMES if name and not {"\0", "\r"} & set(name))
# A header can hold what stands on one line.
IN_A_HEADER = "::error::of a header " + " ".join(
    name for name in COLUMNS if len(name.splitlines()) == 1
)
_RECORDED = ("formula", "NUL", "clear the screen, set the title")


def write_log(path):
    """Write a log with a run under each of the names, which stands in all texts of the run.

    Some of the runs are recorded; the others have the rows of the first of these.
    """
    for recorded in _RECORDED:
        _record(path, HOSTILE[recorded])
    model = HOSTILE[_RECORDED[0]]
    with open_for_writing(path) as con:
        for number, name in enumerate(NAMES):
            if name in [HOSTILE[recorded] for recorded in _RECORDED]:
                continue
            info = _info(name, number)
            of_run = {**info._asdict(), "host": name}
            for table, values in {
                "runs": of_run,
                "segments": {"run_id": name, "segment_id": name, "host": name},
                "episodes": {"run_id": name, "segment_id": name},
                "events": {"run_id": name, "segment_id": name, "kind": name, "detail": _json(name)},
            }.items():
                replaced = ", ".join(f"${key} AS {key}" for key in values)
                con.execute(
                    f"INSERT INTO raw.{table} SELECT * REPLACE ({replaced}) "
                    f"FROM raw.{table} WHERE run_id = $model",
                    {**values, "model": model},
                )


def _json(name):
    return json.dumps({"said": name, name: 1})


def _info(name, number):
    config = json.dumps({"n_step": 1, "note": name, name: [name], "number": number})
    return RunInfo(name, name, name, config, number, source=name, versions=_json(name))


def _record(path, name):
    with Recorder(path, _info(name, NAMES.index(name)), wait=0) as recorder:
        for episode in range(EPISODES):
            start = 10 * episode + 1
            recorder.append(
                EpisodeRow(episode, 0, "train", start, start + 9, 10, episode, 1.0, True, False)
            )
        recorder.append(EventRow(1, name, _json(name)))
        recorder.progress(10 * EPISODES, EPISODES, 0)


def write_check(folder, name="hostile_check"):
    """Write a check that finds every run, with every text of its file that one can choose hostile.

    Its family is the name of its folder.
    """
    family = folder / "[family](x) ##[error] <b>"
    family.mkdir(parents=True)
    keys = {
        "name": name,
        "title": IN_A_HEADER,
        "severity": "error",
        "reads": "runs",
        "grain": "run_id",
        "groups": "<b>runs</b> ##[x]",
        "diagnosis": "{run_id} is called {name}, on {env_id}",
        "why": IN_A_HEADER,
        "cites": IN_A_HEADER,
        "assumes": IN_A_HEADER,
        "threshold": IN_A_HEADER,
    }
    _write(family / f"{name}.sql", keys)
    return folder


def write_report(folder):
    """Write a report that shows every run, with a hostile title and reading."""
    keys = dict.fromkeys(("title", "question", "reading", "cites"), IN_A_HEADER)
    _write(folder / "hostile_report.sql", {"name": "hostile_report", "reads": "runs", **keys})
    return folder


def _write(path, keys):
    header = "\n".join(f"-- {key}: {value}" for key, value in keys.items())
    columns = ", ".join(f"name AS {quoted_name(column)}" for column in COLUMNS)
    # A line of SQL that is a workflow command as well: a cast to a type, and another cast.
    sql = f"SELECT run_id, name, env_id, {columns}, 1\n  ::INTEGER::DOUBLE AS one\nFROM runs\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{header}\n\n{sql}", encoding="utf-8", newline="")

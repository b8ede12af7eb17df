"""Check files that tests write, and logs to run them on."""

from __future__ import annotations

SQL = "SELECT run_id, name FROM runs WHERE name = 'bad'"
DEFAULTS = {
    "title": "Names of runs",
    "severity": "error",
    "reads": "runs",
    "grain": "run_id",
    "groups": "runs",
    "diagnosis": "run {run_id} is called {name}",
    "why": "a bad name says little",
}


def check_text(name="bad_name", sql=SQL, **keys):
    """Return the text of a check; a key that is None is left out."""
    header = {"name": name, **DEFAULTS, **keys}
    lines = [f"-- {key}: {value}" for key, value in header.items() if value is not None]
    return "\n".join([*lines, "", sql, ""])


def write_check(folder, name="bad_name", sql=SQL, **keys):
    """Write a check into ``folder``, by default one that finds runs called bad."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.sql"
    path.write_text(check_text(name, sql, **keys), encoding="utf-8")
    return path


def line_of(path, text):
    """Return the number of the first line of ``path`` that has ``text``."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return 1 + next(number for number, line in enumerate(lines) if text in line)

"""How often the audit finds fault with runs that have none.

    python tests/healthy/study.py run --set final --logs FOLDER [--jobs 2] [--resume]
    python tests/healthy/study.py audit --set final --logs FOLDER [--jobs 2] [--markdown FILE]

``run`` makes the runs that ``plan.py`` lists, a log for each or for three of them, and keeps the
logs. ``--resume`` goes on with what a stopped study has not made. ``audit`` runs all checks over
every log: any finding of any severity in a run is a false alarm. A run that ended in an error is
an error of the study, reported by both, and exit code 1.
"""

# ruff: noqa: T201 - a command prints its result

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from false_alarms import Audited, audit_log, report
from plan import SIZES, Trial, trials
from trials import digest_of, make_log

if TYPE_CHECKING:
    from collections.abc import Iterable


def logs_of(set_name: str) -> dict[str, list[Trial]]:
    """Return the runs of a set by the log that they share."""
    logs: dict[str, list[Trial]] = {}
    for trial in trials(set_name):
        logs.setdefault(trial.log, []).append(trial)
    return logs


def run(set_name: str, folder: Path, *, jobs: int, resume: bool) -> int:
    """Make the logs of a set and return an exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    if not resume and any(folder.glob("*.json")):
        sys.exit(f"{folder} holds logs already: pass --resume to go on with them")
    logs = logs_of(set_name)
    wanted = [of_log for name, of_log in logs.items() if not _is_made(folder, name, of_log)]
    started, errors = time.perf_counter(), []
    with _pool(jobs) as pool:
        futures = [pool.submit(make_log, folder, of_log) for of_log in wanted]
        for done, future in enumerate(as_completed(futures), start=1):
            made = future.result()
            text = json.dumps(made, indent=1)
            (folder / f"{made['log']}.json").write_text(text, encoding="utf-8")
            if made["error"]:
                errors.append(made["error"])
                print(f"error: {made['error']}", file=sys.stderr)
            elapsed = time.perf_counter() - started
            print(
                f"{done} of {len(wanted)} logs, {elapsed:,.0f} s; {made['log']} took "
                f"{made['seconds']:.1f} s",
                file=sys.stderr,
                flush=True,
            )
    print(f"{len(logs)} logs, {len(errors)} with an error, {time.perf_counter() - started:,.0f} s")
    return 1 if errors else 0


def _is_made(folder: Path, name: str, of_log: list[Trial]) -> bool:
    made = _made(folder, name)
    planned = json.loads(digest_of(of_log))
    return made is not None and not made["error"] and made["runs"] == planned


def _made(folder: Path, name: str) -> dict[str, Any] | None:
    path = folder / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def audit(set_name: str, folder: Path, *, jobs: int, markdown: Path | None) -> int:
    """Audit the logs of a set, print the report, and return an exit code."""
    logs = logs_of(set_name)
    made = [name for name, of_log in logs.items() if _is_made(folder, name, of_log)]
    audited = sorted(_audit_all(folder, {n: logs[n] for n in made}, jobs), key=lambda a: a.log)
    missing = [name for name in logs if name not in made]
    text = report(audited, missing=missing, planned=SIZES[set_name])
    print(text)
    if markdown:
        markdown.write_text(text, encoding="utf-8")
    return 1 if missing or any(a.alarms or a.errors for a in audited) else 0


def _audit_all(folder: Path, logs: dict[str, list[Trial]], jobs: int) -> Iterable[Audited]:
    with _pool(jobs) as pool:
        futures = [
            pool.submit(audit_log, folder / f"{name}.duckdb", [trial.name for trial in of_log])
            for name, of_log in logs.items()
        ]
        for done, future in enumerate(as_completed(futures), start=1):
            audited = future.result()
            if done % 25 == 0:
                print(f"{done} of {len(logs)} logs audited", file=sys.stderr, flush=True)
            for alarm in audited.alarms:
                print(f"{alarm.run}: {alarm.check}: {alarm.sentence}", file=sys.stderr, flush=True)
            yield audited


def _pool(jobs: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (("run", "make the runs"), ("audit", "audit the logs")):
        command = commands.add_parser(name, help=what)
        command.add_argument("--set", choices=SIZES, required=True)
        command.add_argument("--logs", type=Path, required=True, metavar="FOLDER")
        command.add_argument("--jobs", type=int, default=2, help="processes at a time")
        if name == "run":
            command.add_argument("--resume", action="store_true", help="go on with a stopped study")
        else:
            command.add_argument("--markdown", type=Path, metavar="FILE", help="write it there too")
    options = parser.parse_args()
    if options.command == "run":
        sys.exit(run(options.set, options.logs, jobs=options.jobs, resume=options.resume))
    sys.exit(audit(options.set, options.logs, jobs=options.jobs, markdown=options.markdown))


if __name__ == "__main__":
    main()

"""Put each mutant into the trainer, train, audit the log, and compare with its declaration.

    python tests/mutants/harness.py list
    python tests/mutants/harness.py run NAME... [--keep FOLDER]
    python tests/mutants/harness.py table [--write]

A NAME is a mutant, a family (a module of this folder without ``.py``) or ``control``, the run
without a bug. ``run`` ends with exit code 1 if a mutant is not what its header declares. ``table``
also finds out how few steps each mutant needs, and with ``--write`` puts the table into the README
of this folder.
"""

# ruff: noqa: T201 - a command prints its result

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mutant import MUTANTS, Mutant
from mutant_table import make_table
from verdicts import (
    CONTROL,
    BrokenMutantError,
    Verdict,
    families,
    family_of,
    load_family,
    problems_of_control,
    run_mutant,
    sentences,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def _chosen(names: Sequence[str]) -> list[Mutant]:
    known = {CONTROL.name: CONTROL}
    for family in families():
        try:
            load_family(family)
        except Exception as error:  # noqa: BLE001 - one family that is being written stops no other
            print(f"{family}.py cannot be loaded: {type(error).__name__}: {error}", file=sys.stderr)
    known |= MUTANTS
    chosen: list[Mutant] = []
    for name in names:
        of_family = [m for m in MUTANTS.values() if family_of(m) == name]
        if not of_family and name not in known:
            sys.exit(f"no mutant and no family is called {name}")
        chosen += of_family or [known[name]]
    return chosen if names else list(MUTANTS.values())


def _show_list() -> None:
    for mutant in _chosen([]):
        print(f"{mutant.name:<44} {mutant.flagged_by:<40} ({family_of(mutant)})")


def _show_runs(names: Sequence[str], keep: Path | None) -> bool:
    """Run mutants and print what the audit says of each; return whether all are as declared."""
    bad = []
    with tempfile.TemporaryDirectory() as made:
        folder = keep or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        chosen = _chosen(names)
        for mutant in chosen:
            path = folder / f"{mutant.name}.duckdb"
            path.unlink(missing_ok=True)
            try:
                verdict = run_mutant(mutant, path)
            except BrokenMutantError as error:
                print(f"{mutant.name}: BROKEN: {error}", flush=True)
                bad.append(mutant.name)
                continue
            if not _show_verdict(verdict):
                bad.append(mutant.name)
    print(f"{len(chosen) - len(bad)} of {len(chosen)} as declared")
    if bad:
        print("not as declared:", ", ".join(bad))
    return not bad


def _show_verdict(verdict: Verdict) -> bool:
    mutant = verdict.mutant
    problems = problems_of_control(verdict) if mutant is CONTROL else verdict.problems
    state = "NOT AS DECLARED" if problems else "ok"
    print(f"{mutant.name}: {state} ({verdict.agent_steps:,} steps, {verdict.seconds:.1f} s)")
    for problem in problems:
        print(f"    ! {problem}")
    if verdict.died:
        print(f"    the run died of {verdict.died}")
    for name, result in verdict.failing.items():
        role = (
            "meant"
            if name == mutant.flagged_by
            else "declared"
            if name in mutant.may_fail
            else "UNDECLARED"
        )
        found = list(dict.fromkeys(sentences(result)))
        shown = next((s for s in found if role == "meant" and mutant.diagnosis in s), found[0])
        print(f"    {role:<10} {name} ({result.wrong:,} rows, {result.check.severity}): {shown}")
    if quiet := sorted(mutant.may_fail - verdict.failing.keys()):
        print(f"    declared and quiet: {', '.join(quiet)}")
    sys.stdout.flush()
    return not problems


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="all mutants and the checks that are meant for them")
    run = commands.add_parser("run", help="put mutants in, train, and show the audit's verdict")
    run.add_argument("names", nargs="*", metavar="NAME", help="mutants or families; all if none")
    run.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the logs there")
    table = commands.add_parser("table", help="the table of all mutants, as Markdown")
    table.add_argument("--write", action="store_true", help="into the README of this folder")
    table.add_argument("--jobs", type=int, default=2, help="processes at a time")
    options = parser.parse_args()
    if options.command == "list":
        _show_list()
    elif options.command == "run":
        sys.exit(0 if _show_runs(options.names, options.keep) else 1)
    else:
        sys.exit(make_table(write=options.write, jobs=options.jobs))


if __name__ == "__main__":
    main()

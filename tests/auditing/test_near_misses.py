"""Each check has a near miss: a sound log that looks like the bug. The marks say which is whose."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

from rlaudit.sqlfiles import load_checks

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("test_*.py"))


def functions_of(module):
    found = inspect.getmembers(importlib.import_module(module), inspect.isfunction)
    return {name: test for name, test in found if name.startswith("test_")}


def named_checks(test):
    """Return the checks of the near_miss marks of a test and of its parameters."""
    marks = list(getattr(test, "pytestmark", []))
    for mark in marks[:]:
        if mark.name == "parametrize":
            marks += [m for given in mark.args[1] for m in getattr(given, "marks", ())]
    return {name for mark in marks if mark.name == "near_miss" for name in mark.args}


TESTS = {name: test for module in MODULES for name, test in functions_of(module).items()}


def test_every_check_has_one():
    named = set().union(*(named_checks(test) for test in TESTS.values()))
    assert named == {check.name for check in load_checks()}


def test_whoever_is_called_one_says_of_which_check():
    unmarked = {name for name, test in TESTS.items() if not named_checks(test)}
    assert not {name for name in unmarked if "near_miss" in name}


def test_the_readme_counts_them():
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert f"runs all {sum(bool(named_checks(test)) for test in TESTS.values())} of them" in text

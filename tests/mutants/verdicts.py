"""Put a mutant into the trainer, train, audit the log, and compare with its declaration."""

from __future__ import annotations

import importlib.util
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]  # as pytest has it: families import mutant
from mutant import MUTANTS, TINY, Mutant  # noqa: E402
from proving import audit, config_of, sentences  # noqa: E402

from rlaudit.store import open_for_reading  # noqa: E402
from rlaudit.train import run_training  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rlaudit.auditing import CheckResult

_NOT_FAMILIES = ("mutant", "verdicts", "harness", "mutant_table", "drawing", "bugs")
_MODULE_PREFIX = "mutants_of_"
# More than the ten that an audit shows: the sentence that is looked for may stand in a later row.
_EXAMPLES = 200
# What a bug of the replay does not raise: the patch itself does not fit the code.
_BROKEN_PATCH = (AttributeError, NameError, TypeError, ImportError)


class BrokenMutantError(Exception):
    """The patch does not fit the code, or left no log to audit; nothing is known of the bug."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the audit said of one log.

    ``died`` is the error that ended the training run, if one did. ``agent_steps`` is how far the
    log goes. ``seconds`` are those of the training run and of the audit.
    """

    mutant: Mutant
    results: Sequence[CheckResult]
    died: str
    agent_steps: int
    seconds: float

    @property
    def failing(self) -> dict[str, CheckResult]:
        """The checks that fail, by name."""
        return {r.check.name: r for r in self.results if r.status == "fail"}

    @property
    def erring(self) -> dict[str, CheckResult]:
        """The checks that could not be run, by name."""
        return {r.check.name: r for r in self.results if r.status == "error"}

    @property
    def rows(self) -> int:
        """Rows that the check that is meant for the mutant returned."""
        result = self.failing.get(self.mutant.flagged_by)
        return result.wrong if result else 0

    @property
    def flagged(self) -> bool:
        """Whether the check that is meant for the mutant fails and says what it must."""
        result = self.failing.get(self.mutant.flagged_by)
        return result is not None and any(self.mutant.diagnosis in s for s in sentences(result))

    @property
    def undeclared(self) -> set[str]:
        """Failing checks that the mutant's header does not name."""
        return self.failing.keys() - self.mutant.may_fail - {self.mutant.flagged_by}

    @property
    def problems(self) -> list[str]:
        """How the audit differs from the declaration, one sentence each; empty if it does not."""
        wanted, found = self.mutant.flagged_by, []
        if wanted not in {r.check.name for r in self.results}:
            found.append(f"no check is called {wanted}")
        elif wanted not in self.failing:
            result = next(r for r in self.results if r.check.name == wanted)
            found.append(f"{wanted} does not fail: {result.status} {result.message}".rstrip())
        elif not self.flagged:
            said = sentences(self.failing[wanted])[0]
            found.append(f"{wanted} does not say {self.mutant.diagnosis!r} but {said!r}")
        elif blamed := {name for f in self.failing[wanted].findings for name in f.follows}:
            found.append(f"{wanted} is called a consequence of {', '.join(sorted(blamed))}")
        found += [f"{name} fails and is not declared" for name in sorted(self.undeclared)]
        return found + [f"{name}: {result.message}" for name, result in self.erring.items()]


CONTROL = Mutant(
    name="control",
    bug=0,
    about="The run that mutants are put into, without any bug.",
    seen_in="",
    flagged_by="",
    diagnosis="",
    may_fail=frozenset(),
    settings={},
    apply=lambda _monkeypatch: None,
)


def load_mutants() -> dict[str, Mutant]:
    """Import every family of this folder and return all mutants by name."""
    for family in families():
        load_family(family)
    return dict(MUTANTS)


def families() -> list[str]:
    """Return the names of the modules that hold mutants."""
    names = (path.stem for path in sorted(FOLDER.glob("*.py")))
    return [name for name in names if name not in _NOT_FAMILIES and not name.startswith("test_")]


def family_of(mutant: Mutant) -> str:
    """Return the module that a mutant stands in."""
    return mutant.apply.__module__.removeprefix(_MODULE_PREFIX)


def load_family(family: str) -> None:
    """Import one family, which registers its mutants."""
    # Not under its own name: a family may be called like one of the packages that it imports.
    name = _MODULE_PREFIX + family
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{family}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:  # Ctrl-C as well: half a family must not count as loaded
        del sys.modules[name]
        raise


def run_mutant(
    mutant: Mutant, log_path: Path, *, only: str | None = None, **settings: Any
) -> Verdict:
    """Train with the bug in place, log to ``log_path``, and audit the log without it.

    ``settings`` go on top of the mutant's own; ``only`` names the one check to run, if not all.

    Raises:
        BrokenMutantError: if the run left nothing to audit, or ended in an error that shows that
            the patch does not fit the code.
    """
    started = time.perf_counter()
    died = _train(mutant, {**TINY, **mutant.settings, **settings}, log_path)
    steps = _steps_in(log_path, died)
    results = audit(log_path, only=only, limit=_EXAMPLES, threads=1)
    return Verdict(
        mutant=mutant,
        results=results,
        died=died,
        agent_steps=steps,
        seconds=time.perf_counter() - started,
    )


def problems_of(name: str, folder: Path) -> list[str]:
    """Run the mutant of that name with its log in ``folder``; return what is not as declared.

    For a process of its own, into which a mutant cannot be handed.
    """
    return run_mutant(load_mutants()[name], folder / f"{name}.duckdb").problems


def _train(mutant: Mutant, settings: Mapping[str, Any], log_path: Path) -> str:
    """Run the trainer and return the error that it died of, or an empty text."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as monkeypatch, warnings.catch_warnings():
        # What NumPy says of a NaN is the bug's doing, and the log is what counts.
        warnings.simplefilter("ignore")
        mutant.apply(monkeypatch)
        try:
            if mutant.scenario:
                mutant.scenario(settings, log_path)
            else:
                run_training(config_of(settings), log_path)
        except _BROKEN_PATCH as error:
            raise BrokenMutantError(f"{type(error).__name__}: {error}") from error
        except Exception as error:  # noqa: BLE001 - a bug may end the run by any error
            return f"{type(error).__name__}: {error}"
    return ""


def _steps_in(log_path: Path, died: str) -> int:
    if not log_path.exists():
        raise BrokenMutantError(f"no log was written; {died or 'the run ended well'}")
    with open_for_reading(log_path) as log:
        query = "SELECT (SELECT max(env_step) FROM raw.transitions), max(end_step) FROM segments"
        stored, steps = log.con.execute(query).fetchall()[0]
    # A mutant may lose all transitions on their way to the log.
    if stored is None and not steps:
        raise BrokenMutantError(f"no step was logged; {died or 'the run ended well'}")
    return max(stored or 0, steps or 0)


def problems_of_control(verdict: Verdict) -> list[str]:
    """Return what the audit holds against the run without a bug."""
    failing = [f"{name} fails: {sentences(result)[0]}" for name, result in verdict.failing.items()]
    return failing + [f"{name}: {result.message}" for name, result in verdict.erring.items()]

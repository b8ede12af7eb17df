"""Say which settings of a log's runs are not understood: said once, and no finding.

A check that needs a setting which a run does not state does not apply to it. A setting under a
name that is nearly the one of the vocabulary, in an object of its own, or with a value that cannot
be meant, turns checks off in the same way. Names that are far from all known ones are nobody's
business: people log settings of their own.
"""

from __future__ import annotations

import json
import re
from difflib import SequenceMatcher
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rlaudit.auditing.results import SettingNote
from rlaudit.auditing.settings import read_configs
from rlaudit.config import stated_terms
from rlaudit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from rlaudit.auditing.results import CheckResult
    from rlaudit.config import Setting
    from rlaudit.stated_config import StatedConfig

# What other libraries call a setting, where the name can mean nothing else; in lower case and
# without separators.
_ALIASES = {
    "lr": "learning_rate",
    "buffersize": "capacity",
    "buffercapacity": "capacity",
    "memorysize": "capacity",
    "memorycapacity": "capacity",
    "replaysize": "capacity",
    "replaycapacity": "capacity",
    "replaybuffersize": "capacity",
    "replaymemorysize": "capacity",
    "minibatchsize": "batch_size",
    "discount": "gamma",
    "discountfactor": "gamma",
    "multistep": "n_step",
    "nsteps": "n_step",
    "peralpha": "alpha",
    "priorityalpha": "alpha",
    "priorityexponent": "alpha",
    "prioritizedreplayalpha": "alpha",
    "perbeta": "beta_start",
    "beta0": "beta_start",
    "perbeta0": "beta_start",
    "prioritizedreplaybeta": "beta_start",
    "prioritizedreplaybeta0": "beta_start",
    "pereps": "priority_epsilon",
    "perepsilon": "priority_epsilon",
    "prioritizedreplayeps": "priority_epsilon",
    "per": "prioritized",
    "useper": "prioritized",
    "prioritizedreplay": "prioritized",
    "trainfreq": "update_period",
    "trainfrequency": "update_period",
    "targetupdateinterval": "target_sync_agent_steps",
    "targetnetworkfrequency": "target_sync_agent_steps",
    "targetnetworkupdatefreq": "target_sync_agent_steps",
    "natoms": "num_atoms",
    "nenvs": "num_envs",
    "rewardclipping": "reward_clip",
    "cliprewards": "reward_clip",
    "doubledqn": "double",
    "doubleq": "double",
    "noisynet": "noisy",
    "noisynets": "noisy",
    "totaltimesteps": "steps",
}
_BRITISH = re.compile(r"is(e|ed|er|ing|ation)")
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_NEAR = 0.85
_FEWEST_LETTERS = 4
# A name that is longer is no misspelt one.
_MOST_LETTERS = 40
_DEEPEST = 4
# In an object of its own such a word means that object's.
_COMMON = frozenset({"seed", "steps", "episodes", "env", "device", "preset", "network", "loss"})
# Words that anyone may add to.
_OPEN = frozenset({"network"})


def setting_notes(
    con: DuckDBPyConnection, results: Iterable[CheckResult], runs: Sequence[str] = ()
) -> tuple[SettingNote, ...]:
    """Return what the settings of the runs of a log leave unclear.

    ``results`` are what the checks said: what they require is known, and what they could not judge
    is named. ``runs`` are the ids of those that are looked at; all if empty.
    """
    results = tuple(results)
    known = frozenset(stated_terms()) | {
        "preset",
        *(r.term for result in results for r in result.check.requires if r.is_setting),
    }
    found: dict[tuple[str, str], list[str | None]] = {}
    for run, config in read_configs(con).items():
        if not runs or run in runs:
            for term, sentence in _remarks(config, known):
                found.setdefault((term, sentence), []).append(run)
    return tuple(
        SettingNote(term, sentence, tuple(named), _turned_off(results, term, named))
        for (term, sentence), named in sorted(found.items())
    )


def _turned_off(
    results: Iterable[CheckResult], term: str, runs: Sequence[str | None]
) -> tuple[str, ...]:
    """Return the checks that need ``term`` ("": any) and could not judge one of ``runs``."""
    return tuple(
        result.check.name
        for result in results
        if any(r.is_setting and term in ("", r.term) for r in result.check.requires)
        and any(run in result.skipped for run in runs)
    )


def _remarks(config: StatedConfig, known: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Give each known setting ("" for all of them) with what is unclear about it."""
    if config.problem:
        yield "", config.problem
    for name, values in config.repeated.items():
        term = name if name in known else nearest(name, known)
        if term:
            given = " and ".join(_text(value) for value in values)
            yield term, f"{name} stands there {len(values)} times, as {given}; the first counts"
    for name, value in config.settings.items():
        if name in known:
            if sentence := _value_problem(stated_terms().get(name), value):
                yield name, sentence
        else:
            yield from _misnamed(name, value, config.settings, known)
    yield from _nested(config.settings, known)


def _misnamed(
    name: str, value: object, settings: Mapping[str, Any], known: frozenset[str]
) -> Iterator[tuple[str, str]]:
    term = nearest(name, known)
    if term is None:
        return
    if settings.get(term) is None:
        yield term, f"{name} is not known; {term} looks like what is meant, and is not stated"
    elif _plain(name) == _plain(term) and settings[term] != value:
        yield (
            term,
            f"{name} is {_text(value)} beside {term}, which is {_text(settings[term])} and counts",
        )


def _nested(settings: Mapping[str, Any], known: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Give the settings that stand in an object of their own, or behind its name and a dot."""
    plain = {_plain(term): term for term in known - _COMMON}
    for path, parent in _paths(settings):
        term = plain.get(_plain(path[-1]))
        if term is not None and settings.get(term) is None:
            yield term, f"{term} stands in {parent}, and only what stands at the top is read"


def _paths(settings: Mapping[str, Any]) -> Iterator[tuple[list[str], str]]:
    """Give each name below the top, as a path, and what it stands in."""
    waiting = [([name], value) for name, value in settings.items()]
    while waiting:
        path, value = waiting.pop()
        parts = re.split(r"[./]", path[-1]) if len(path) == 1 else path
        if len(parts) > 1:
            yield parts, ".".join(parts[:-1])
        if isinstance(value, dict) and len(path) < _DEEPEST:
            waiting += [([*path, name], inner) for name, inner in value.items()]


def _value_problem(setting: Setting | None, value: object) -> str:
    if setting is None:
        return ""
    if value is None:
        return f"{setting.name} is null, which states nothing"
    try:
        setting.check(value)
    except ConfigError as error:
        if setting.name in _OPEN and isinstance(value, str):
            return ""
        choices = f"one of {', '.join(setting.choices)}" if setting.choices else ""
        meant = error.hint or choices
        return f"{error} ({meant})" if meant else str(error)
    return ""


@lru_cache(maxsize=10_000)
def nearest(name: str, known: frozenset[str]) -> str | None:
    """Return the one of ``known`` that ``name`` is another spelling of; None if it is of none."""
    plain = _plain(name)
    spelt = {_plain(term): term for term in sorted(known)}
    if plain in spelt:
        return spelt[plain]
    if _ALIASES.get(plain) in known:
        return _ALIASES[plain]
    if not _FEWEST_LETTERS <= len(plain) <= _MOST_LETTERS:
        return None
    near = [
        (SequenceMatcher(None, plain, other).ratio(), other)
        for other in spelt
        # A short word that stands within another is a word of its own: step and steps.
        if len(other) > _FEWEST_LETTERS and not (len(plain) == _FEWEST_LETTERS and plain in other)
    ]
    ratio, other = max(near, default=(0.0, ""))
    # Letters in another order are a slip of the fingers; another number is another thing.
    if ratio < _NEAR and sorted(other) != sorted(plain):
        return None
    return None if _digits(other) != _digits(plain) else spelt[other]


def _plain(name: str) -> str:
    """Return ``name`` in lower case, without separators, in American spelling."""
    return _BRITISH.sub(r"iz\1", _SEPARATORS.sub("", name.lower()))


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _text(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

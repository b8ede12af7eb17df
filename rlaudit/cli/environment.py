"""Variables of the environment that look like ours and are none.

They are no error, as another version of rlaudit may read them: they are said.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_PREFIX = "RLAUDIT_"


def misspelt(
    names: Iterable[str],
    options: Mapping[str, Any],
    everything: Callable[[], Mapping[str, Mapping[str, Any]]],
) -> list[str]:
    """Return a sentence for each of ``names`` that resembles a variable of ours, or an option.

    ``options`` are those of the command that is called, and ``everything`` gives those of all; it
    is called only if a name is none of the former's.
    """
    ours = [name for name in names if name.upper().startswith(_PREFIX)]
    unknown = sorted(set(ours) - _variables(options))
    if not unknown:
        return []
    commands = everything()
    known = set[str]().union(*map(_variables, commands.values()))
    called = {name for some in commands.values() for name in some}
    sentences = []
    for variable in (name for name in unknown if name not in known):
        word = variable.upper().removeprefix(_PREFIX)
        words = [name.removeprefix(_PREFIX) for name in known]
        if near := get_close_matches(word, words, n=1, cutoff=0.75):
            sentences.append(f"{variable} is not read (did you mean {_PREFIX}{near[0]}?)")
        elif word.lower() in called:
            option = word.lower().replace("_", "-")
            sentences.append(
                f"{variable} is not read: no variable sets --{option}, a pyproject.toml does"
            )
    return sentences


def _variables(options: Mapping[str, Any]) -> set[str]:
    """Return the variables that set ``options``, and the one that every command has."""
    return {f"{_PREFIX}DEBUG", *(option.envvar for option in options.values() if option.envvar)}

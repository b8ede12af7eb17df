"""Texts that a trainer offers: what the log cannot hold must not come as far as its flush.

One text that DuckDB refuses would keep it from storing all rows of a flush, so each is looked at
when it is offered.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from rlaudit.stated_config import load_json

if TYPE_CHECKING:
    from collections.abc import Iterable


def as_text(value: object) -> str:
    """Return ``value``, a text.

    Raises :class:`TypeError` for anything else, and :class:`UnicodeEncodeError`, a ValueError, for
    a text that has no UTF-8.
    """
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    value.encode()
    return value


def check_json(text: str) -> None:
    """Raise :class:`ValueError` if ``text`` is not JSON as DuckDB reads it.

    The error ends the sentence "it ...".
    """
    value = load_json(text)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("has half a surrogate pair, which is no character") from None
    except RecursionError:
        raise ValueError("is nested too deeply to be read") from None


def as_json(text: str | None) -> str | None:
    """Return ``text``, which is JSON by its contract; one that is not becomes a JSON string."""
    if text is None:
        return None
    try:
        check_json(text)
    except ValueError:
        return json.dumps(text.encode(errors="backslashreplace").decode())
    return text


def text_column(given: str | Iterable[Any], count: int, *, json_wanted: bool) -> list[str | None]:
    """Return ``count`` texts, given as one or one by one; None and what is masked is NULL.

    Raises :class:`ValueError` for another number of them and for what is no text. The error ends
    the sentence "it ...".
    """
    try:
        values = [given] * count if isinstance(given, str) else list(given)
    except TypeError:
        raise ValueError(f"is {given!r}, and neither a text nor several") from None
    if len(values) != count:
        raise ValueError(f"has {len(values)} values, not {count}")
    return [_stored(value, json_wanted=json_wanted) for value in values]


def _stored(value: object, *, json_wanted: bool) -> str | None:
    if value is None or value is np.ma.masked:
        return None
    text = as_json(value) if json_wanted and isinstance(value, str) else value
    try:
        return as_text(text)
    except (TypeError, UnicodeEncodeError) as error:
        raise ValueError(f"has a value that cannot be stored: {error}") from None

"""Keys of JSON objects as the texts that stand in the file.

DuckDB and most readers of JSON make a float of every number with a point, and so one value of two
that differ in the seventeenth digit. Here a number stays text.
"""

from __future__ import annotations

import io
import itertools
import json
import re
from typing import TYPE_CHECKING, Any, Literal, get_args

from rlaudit.errors import DatabaseError
from rlaudit.tables.names import no_column, refuse_twice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from duckdb import DuckDBPyConnection

    from rlaudit.tables.data_files import DataFile

JsonKind = Literal["string", "number", "boolean", "other"]

_ROWS_AT_ONCE = 20_000
# Keys that are remembered for a message, of a file with any number of them.
_MOST_KEYS = 1000
_SPACE = re.compile(r"\s*")


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


class _TwiceError(ValueError):
    """A key that an object has twice."""


def load_json(con: DuckDBPyConnection, files: Sequence[DataFile], names: Sequence[str]) -> str:
    """Load the keys ``names`` of the objects in ``files`` into a table and return its name.

    Its columns are c0, c1, ... for the texts and kind0, kind1, ... for their :data:`JsonKind`: the
    text of a string, the digits of a number, and JSON for anything else, with the keys of objects
    in order. A key that an object lacks is NULL, as is null.

    A file has an object a line, or, where its format is ``json``, an array of objects or objects
    that go over several lines.

    Raises :class:`UsageError` for a name that no object of a file has, and :class:`DatabaseError`
    for a file that is no JSON, with the line.
    """
    refuse_twice([names.index(name) for name in names], names)
    kinds = ", ".join(f"'{kind}'" for kind in get_args(JsonKind))
    con.execute(f"CREATE TYPE json_kind AS ENUM ({kinds})")
    columns = ", ".join(f"c{i} VARCHAR, kind{i} json_kind" for i in range(len(names)))
    con.execute(f"CREATE TEMP TABLE json_rows({columns})")
    for file in files:
        _load(con, file, names)
    return "json_rows"


def _load(con: DuckDBPyConnection, file: DataFile, names: Sequence[str]) -> None:
    objects = _objects(file)
    missing = set(names)
    keys: dict[str, None] = {}
    rows = 0
    # An object is taken apart at once: to keep many costs Python more than to read them.
    while cells := [
        _cells_of(row, names, missing, keys) for row in itertools.islice(objects, _ROWS_AT_ONCE)
    ]:
        rows += len(cells)
        _insert(con, cells, len(names))
    for name in names:
        if rows and name in missing:
            raise no_column(file.name, name, list(keys))


def _cells_of(
    row: dict[str, Any], names: Sequence[str], missing: set[str], keys: dict[str, None]
) -> tuple[str | None, ...]:
    """Return the text and the kind of each of ``names``; note which were ``missing`` so far."""
    if missing:
        missing.difference_update(row)
        if len(keys) < _MOST_KEYS:
            keys.update(dict.fromkeys(row))
    if len(names) == 1:
        return _cell(row.get(names[0]))
    return tuple(part for name in names for part in _cell(row.get(name)))


def _insert(con: DuckDBPyConnection, cells: Sequence[tuple[str | None, ...]], width: int) -> None:
    import pyarrow as pa  # noqa: PLC0415 - slow to import, and no other command needs it

    names = [name for i in range(width) for name in (f"c{i}", f"kind{i}")]
    columns = [pa.array(column, pa.string()) for column in zip(*cells, strict=True)]
    con.register("json_chunk", pa.table(columns, names=names))
    con.execute("INSERT INTO json_rows FROM json_chunk")
    con.unregister("json_chunk")


def _cell(value: Any) -> tuple[str | None, JsonKind | None]:
    if value is None:
        return None, None
    if type(value) is _Number:
        return str(value), "number"
    if type(value) is str:
        # Half of a surrogate pair is no text to anyone but JSON.
        return (value, "string") if value.isascii() or _is_utf8(value) else (_json(value), "other")
    if isinstance(value, bool):
        return str(value).lower(), "boolean"
    return _json(value), "other"


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _json(value: Any) -> str:
    if isinstance(value, dict):
        parts = (f"{json.dumps(key)}: {_json(value[key])}" for key in sorted(value))
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_json, value)) + "]"
    return str(value) if isinstance(value, _Number) else json.dumps(value)


def _objects(file: DataFile) -> Iterator[dict[str, Any]]:
    with file.open() as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="\n")
        try:
            if file.format == "json":
                yield from _of_document(file, text)
            else:
                yield from _of_lines(file, text)
        except UnicodeDecodeError as error:
            raise DatabaseError(f"{file.name} is not UTF-8", hint="save it as UTF-8") from error
        finally:
            text.detach()


def _of_lines(file: DataFile, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    decode = _decoder().decode
    for number, line in enumerate(lines, start=1):
        if line.isspace():
            continue
        try:
            # Without its end, at which an error would be one of the next line.
            found = decode(line.rstrip())
        except (ValueError, RecursionError) as error:
            raise _refusal(file, number, error) from error
        yield _object(file, number, found)


def _of_document(file: DataFile, text: io.TextIOWrapper) -> Iterator[dict[str, Any]]:
    """Give the objects of an array, or those that follow each other, one or more lines each."""
    start: list[str] = []
    for line in text:
        start.append(line)
        if not line.isspace():
            break
    if start and _is_object(start[-1]):
        yield from _of_lines(file, itertools.chain(start, text))
        return
    whole = "".join(start) + text.read()
    decode = _decoder().raw_decode
    number, position = 1, 0
    while (begin := _SPACE.match(whole, position).end()) < len(whole):  # type: ignore[union-attr] # it matches nothing as well
        number += whole.count("\n", position, begin)
        try:
            found, position = decode(whole, begin)
        except (ValueError, RecursionError) as error:
            raise _refusal(file, number, error, begin) from error
        for item in found if isinstance(found, list) else [found]:
            yield _object(file, number, item)
        number += whole.count("\n", begin, position)


def _is_object(line: str) -> bool:
    try:
        return isinstance(_decoder().decode(line), dict)
    except (ValueError, RecursionError):
        return False


def _object(file: DataFile, number: int, found: object) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise DatabaseError(
            f"{file.name}, line {number}: a value that is no object",
            hint='each row is an object: {"run": "a", "step": 1}',
        )
    return found


def _refusal(file: DataFile, number: int, error: Exception, begin: int = 0) -> DatabaseError:
    """Return the error for what begins on the line ``number``, as the text does at ``begin``."""
    if isinstance(error, json.JSONDecodeError):
        number += error.doc.count("\n", begin, error.pos)
        what = f"no JSON, {error.msg} at character {error.colno}"
    elif isinstance(error, _TwiceError):
        what = f"the key {error} stands twice in an object"
    else:
        what = "it is nested too deeply"
    return DatabaseError(f"{file.name}, line {number}: {what}", hint="mend the line")


def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(
        parse_float=_Number, parse_int=_Number, parse_constant=_Number, object_pairs_hook=_pairs
    )


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(repr(next(name for name in names if names.count(name) > 1)))
    return found

"""Values out of DuckDB into Python and Polars, of every type, and none changed on the way.

Python has no date after 9999 and none before Christ, no infinite time, no nanosecond, and no
interval of months. Between DuckDB, Arrow, Polars and Python such a value ends the program, or
becomes another: an infinite timestamp the last one of 9999, a UHUGEINT -1, a month 30 days. So
each column is cast inside DuckDB, by its type, before a row leaves: what Python holds exactly
comes as that, and anything else as DuckDB's own text. Nested types keep their form, and their
parts are cast alike. Types that are not known here, as those of a later DuckDB, come as text.

:func:`fetch_exact` gives the rows of a query, :class:`Exact` those of a relation in batches or as
a frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import duckdb

from rlaudit.sqlfiles import quoted_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import polars as pl
    from duckdb import DuckDBPyConnection, DuckDBPyRelation
    from duckdb.sqltypes import DuckDBPyType

# Types all of whose values Python and Polars hold, by DuckDB's id of them, as SQL names them.
_HELD = {
    name: name.upper()
    for name in (
        *("boolean", "tinyint", "smallint", "integer", "bigint"),
        *("utinyint", "usmallint", "uinteger", "ubigint", "float", "double", "varchar", "blob"),
    )
} | {"uuid": "VARCHAR", "enum": "VARCHAR", "null": "INTEGER"}
# Types of which Python holds the values from one to another: its years, its day, and what Arrow's
# 128-bit decimals and Polars keep of an integer, which is 38 digits.
_HELD_BETWEEN = {
    "date": ("DATE", "0001-01-01", "9999-12-31"),
    "time": ("TIME", "00:00:00", "23:59:59.999999"),
    "timestamp": ("TIMESTAMP", "0001-01-01", "9999-12-31 23:59:59.999999"),
    "timestamp_s": ("TIMESTAMP_S", "0001-01-01", "9999-12-31 23:59:59"),
    "timestamp_ms": ("TIMESTAMP_MS", "0001-01-01", "9999-12-31 23:59:59.999"),
    "timestamp with time zone": (
        "TIMESTAMPTZ",
        "0001-01-01 00:00:00+00",
        "9999-12-31 23:59:59.999999+00",
    ),
    "hugeint": ("HUGEINT", f"-{'9' * 38}", "9" * 38),
    "uhugeint": ("UHUGEINT", "0", "9" * 38),
}
_TEXT = "VARCHAR"
# Types that DuckDB gives Python as Arrow does. It makes maps dictionaries, arrays tuples, and
# 1.5 needs another package for what has a zone.
_WITHOUT_ARROW = {*_HELD, *_HELD_BETWEEN, "decimal"} - {"uuid", "timestamp with time zone"}
_INTEGERS = ("hugeint", "uhugeint", "bignum")
# As Python's objects they take several times as much.
_BYTES_AT_ONCE = 16 * 2**20
# Python reads no longer integer from text, as that takes time that grows with the square.
_LONGEST_INTEGER = 4_000
# Arrow goes 62 levels deep, and a map takes two of them.
_DEEPEST = 25
# DuckDB's names for the fields of a tuple, which has none; 1.5 calls it a struct.
_UNNAMED = "element{}"


class Exact:
    """The rows of ``relation`` as Python or Polars holds them; ``columns`` are their names.

    Names may be repeated, but not in a frame, where _1, _2, ... stand behind those that came
    before.
    """

    def __init__(self, relation: DuckDBPyRelation) -> None:
        self.columns = tuple(relation.columns)
        self._types = list(relation.types)
        self._relation = relation

    def batches(
        self, size: int
    ) -> Iterator[tuple[int, Callable[[int], Iterable[tuple[Any, ...]]]]]:
        """Give for each batch its number of rows, and a function that makes the first n of them.

        A batch has at most ``size`` rows, and fewer where they are large.
        """
        forms = [_form(type_) for type_ in self._types]
        try:
            reader = _project(self._relation, forms).to_arrow_reader(size)
            for batch in (part for whole in reader for part in _parts(whole)):

                def rows(count: int, batch: Any = batch) -> Iterable[tuple[Any, ...]]:
                    columns = batch.slice(0, count).columns
                    values = map(_values, columns, self._types, forms)
                    return zip(*values, strict=True)

                yield batch.num_rows, rows
        except OSError as error:
            # What goes wrong in DuckDB while rows are read comes through Arrow as an OSError.
            kind = duckdb.InterruptException if "INTERRUPT" in str(error) else duckdb.Error
            raise kind(str(error)) from error

    def rows(self) -> list[tuple[Any, ...]]:
        """Return all rows; without Arrow, which takes long to import, if DuckDB can give them."""
        if all(type_.id in _WITHOUT_ARROW for type_ in self._types):
            forms = [_form(type_) for type_ in self._types]
            given = _project(self._relation, forms).fetchall()
            return [tuple(map(_value, row, self._types, forms)) for row in given]
        return [row for count, rows in self.batches(10_000) for row in rows(count)]

    def frame(self) -> pl.DataFrame:
        """Return all rows as a Polars frame.

        A column in which one value has to be text is a column of text, all of it DuckDB's.
        """
        import polars as pl  # noqa: PLC0415 - no command needs a frame, and it takes long
        import pyarrow as pa  # noqa: PLC0415 - as above

        forms = [_form(type_, polars=True) for type_ in self._types]
        table = _project(self._relation, forms).to_arrow_table()
        columns = [
            column if form.rest is None else _settled(column, form)
            for column, form in zip(table.columns, forms, strict=True)
        ]
        frame = pl.from_arrow(pa.table(columns, names=unique_names(self.columns)))
        return cast("pl.DataFrame", frame)  # of a table it is no series


def fetch_exact(
    con: DuckDBPyConnection, sql: str, parameters: Sequence[object] | dict[str, object] = ()
) -> list[tuple[Any, ...]]:
    """Return the rows of ``sql``, which has a result, with ``parameters`` bound.

    Instead of ``con.execute(sql, parameters).fetchall()`` wherever a column is a user's: that one
    fails on some types, and changes values of others.
    """
    return Exact(con.sql(sql, params=parameters or None)).rows()


def unique_names(names: Iterable[str]) -> list[str]:
    """Return ``names`` with _1, _2, ... behind those that came before.

    A query may return two columns of one name, and a JSON object and a frame cannot.
    """
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    found: list[str] = []
    for name in names:
        candidate = name
        while candidate in taken:
            numbers[name] = numbers.get(name, 0) + 1
            candidate = f"{name}_{numbers[name]}"
        taken.add(candidate)
        found.append(candidate)
    return found


class _Form(NamedTuple):
    """How the values of a type leave DuckDB.

    ``best`` is the SQL type of those for which ``fits`` is not false, a condition on an
    expression, and ``rest`` that of the others; None for both if the best one holds every value.
    ``as_is`` says that no cast is needed.
    """

    best: str
    rest: str | None = None
    fits: Callable[[str], str] | None = None
    as_is: bool = False


def _project(relation: DuckDBPyRelation, forms: Sequence[_Form]) -> DuckDBPyRelation:
    """Return ``relation`` in ``forms``: two fields where a value may need the second type.

    That of ``rest`` is NULL for all others; if it is not, it counts and the other does not.
    """
    if all(form.as_is for form in forms):
        return relation
    # Columns by number: names may be repeated, or be nothing that SQL can say.
    return relation.project(
        ", ".join(f"{_expression(f'#{i}', form)} AS c{i}" for i, form in enumerate(forms, start=1))
    )


def _expression(column: str, form: _Form) -> str:
    if form.as_is:
        return column
    if form.fits is None:
        return f"CAST({column} AS {form.best})"
    # The best form of all values, also of those that have another: a condition that stood twice
    # would cost DuckDB 25 s for 2,000 columns, where it looks for common expressions.
    return (
        f"struct_pack(best := TRY_CAST({column} AS {form.best}), "
        f"rest := CASE WHEN NOT ({form.fits(column)}) THEN CAST({column} AS {form.rest}) END)"
    )


def _parts(batch: Any) -> Iterator[Any]:
    """Give an Arrow batch in parts that are not large, or of one row."""
    if batch.num_rows > 1 and batch.nbytes > _BYTES_AT_ONCE:
        half = batch.num_rows // 2
        yield from _parts(batch.slice(0, half))
        yield from _parts(batch.slice(half))
    else:
        yield batch


def _values(column: Any, type_: DuckDBPyType, form: _Form) -> list[Any]:
    """Return the values of an Arrow column."""
    rest: list[Any] = []
    if form.rest is not None:
        column, others = column.flatten()
        if others.null_count < len(others):
            column, rest = column.filter(others.is_null()), others.to_pylist()
    if type_.id == "timestamp with time zone":
        import pyarrow as pa  # noqa: PLC0415 - none but these need it

        # By a zone's name Python looks into a database of zones, which not every machine has.
        column = column.cast(pa.timestamp("us", "+00:00"))
    best: list[Any] = column.to_pylist()
    if rest:
        left = iter(best)
        best = [next(left) if other is None else other for other in rest]
    return [_integer(value) for value in best] if type_.id in _INTEGERS else best


def _value(value: Any, type_: DuckDBPyType, form: _Form) -> Any:
    """Return one value as DuckDB gives it itself."""
    if form.rest is not None:
        value = value["best"] if value["rest"] is None else value["rest"]
    return _integer(value) if type_.id in _INTEGERS else value


def _integer(value: Any) -> Any:
    """Return as an integer what Arrow has as a decimal, or as text where it has too many digits."""
    return value if value is None or len(str(value)) > _LONGEST_INTEGER else int(value)


def _settled(column: Any, form: _Form) -> Any:
    """Return an Arrow column of one type from the two fields of one: text if a value needs it."""
    import pyarrow as pa  # noqa: PLC0415 - only some frames need it

    best, rest = column.combine_chunks().flatten()
    if rest.null_count == len(rest):
        return best
    table = pa.table({"best": best, "rest": rest})
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        both = con.from_arrow(table).project(f"coalesce(rest, CAST(best AS {form.rest})) AS v")
        return both.to_arrow_table().column(0)


def _form(type_: DuckDBPyType, *, polars: bool = False, depth: int = 0) -> _Form:
    """Return how the values of ``type_`` leave DuckDB, for Python or for Polars."""
    kind = type_.id
    if kind in _HELD:
        return _Form(_HELD[kind], as_is=kind != "null" or not depth)
    if kind == "decimal":
        (_, precision), (_, scale) = _children(type_)
        return _Form(f"DECIMAL({precision}, {scale})", as_is=True)
    if kind == "timestamp with time zone" and depth:
        return _Form(_TEXT)  # within another type Arrow and Python look for the zone
    if kind in _HELD_BETWEEN:
        name, low, high = _HELD_BETWEEN[kind]
        between = f"BETWEEN CAST('{low}' AS {name}) AND CAST('{high}' AS {name})"
        return _Form(
            "HUGEINT" if kind == "uhugeint" else name, _TEXT, lambda value: f"{value} {between}"
        )
    if kind in _NESTED and not _deeper(type_, _DEEPEST):
        return _NESTED[kind](type_, polars, depth)
    return _Form(_TEXT)


def _list(type_: DuckDBPyType, polars: bool, depth: int) -> _Form:
    size = f"[{_children(type_)[1][1]}]" if type_.id == "array" else "[]"
    item = _form(_children(type_)[0][1], polars=polars, depth=depth + 1)
    return _joined([item], lambda types: f"{types[0]}{size}", lambda v: [_each(item, v, depth)])


def _map(type_: DuckDBPyType, polars: bool, depth: int) -> _Form:
    key, value = (_form(child, polars=polars, depth=depth + 1) for _, child in _children(type_))
    if polars and _children(type_)[0][1].id in _NESTED:
        key = _Form(_TEXT)  # Polars makes a map a dictionary, and these are no keys of one
    return _joined(
        [key, value],
        lambda types: f"MAP({types[0]}, {types[1]})",
        lambda v: [_each(key, f"map_keys({v})", depth), _each(value, f"map_values({v})", depth)],
    )


def _struct(type_: DuckDBPyType, polars: bool, depth: int) -> _Form:
    if not _children(type_):
        return _Form(_TEXT)
    fields = [_form(child, polars=polars, depth=depth + 1) for _, child in _children(type_)]
    given = [name for name, _ in _children(type_)]
    names = [name or _UNNAMED.format(i) for i, name in enumerate(given, start=1)]
    form = _joined(
        fields,
        lambda types: f"STRUCT({_fields(names, types)})",
        lambda v: [
            field.fits and field.fits(f"struct_extract_at({v}, {i})")
            for i, field in enumerate(fields, start=1)
        ],
    )
    return form if names == given else form._replace(as_is=False)


_NESTED: dict[str, Callable[[DuckDBPyType, bool, int], _Form]] = {
    "list": _list,
    "array": _list,
    "map": _map,
    "struct": _struct,
    "tuple": _struct,
}


def _joined(
    parts: Sequence[_Form],
    type_of: Callable[[list[str]], str],
    conditions: Callable[[str], Sequence[str | None]],
) -> _Form:
    """Return the form of a type of ``parts``, of whose values all ``conditions`` must hold."""
    best = type_of([part.best for part in parts])
    as_is = all(part.as_is for part in parts)
    if all(part.rest is None for part in parts):
        return _Form(best, as_is=as_is)
    rest = type_of([part.rest or part.best for part in parts])

    def fits(value: str) -> str:
        found = [condition for condition in conditions(value) if condition]
        return " AND ".join(f"coalesce({condition}, true)" for condition in found)

    return _Form(best, rest, fits)


def _each(item: _Form, value: str, depth: int) -> str | None:
    """Return the condition that all elements of ``value`` fit; None if they always do."""
    if item.fits is None:
        return None
    name = f"v{depth}"
    fits = f"coalesce({item.fits(name)}, true)"
    return f"list_bool_and(list_transform({value}, lambda {name}: {fits}))"


def _deeper(type_: DuckDBPyType, levels: int) -> bool:
    """Say whether ``type_`` is nested in more than so many levels."""
    if type_.id not in _NESTED:
        return False
    inner = [child for name, child in _children(type_) if name != "size"]
    return levels == 0 or any(_deeper(child, levels - 1) for child in inner)


def _children(type_: DuckDBPyType) -> list[tuple[str, Any]]:
    """Return the types that ``type_`` is of by name; the size of an array is one of them."""
    return type_.children


def _fields(names: Sequence[str], types: Sequence[str]) -> str:
    return ", ".join(
        f"{quoted_name(name)} {type_}" for name, type_ in zip(names, types, strict=True)
    )

"""Find values that are repeated within a group, in any table.

The short query for this, ``GROUP BY g HAVING count(g) != count(DISTINCT v)``, raises false alarms
on NULLs: it does not count a row whose group is NULL, nor a value that is NULL, but counts the
other side of that row. Here what a NULL means is stated, and grouping by group and value at once
also says which value is repeated, at the same cost: 1.8 s for 10M rows of Parquet with two
threads, where ``count(*) > count(DISTINCT v)`` took 1.6 to 2.9 s, and lists of hashes over
partitions 1.6 to 2.5 s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rlaudit.errors import UsageError
from rlaudit.store import fetch_exact
from rlaudit.tables import open_table, query_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rlaudit.tables import Column, Format, Table

Nulls = Literal["ignore", "equal", "report"]


@dataclass(frozen=True, slots=True)
class DuplicatedValue:
    """One value that stands ``count`` times in one group; both are tuples of column values."""

    group: tuple[Any, ...]
    value: tuple[Any, ...]
    count: int


@dataclass(frozen=True, slots=True)
class GroupDuplicates:
    """What was found.

    ``bad_groups`` groups hold ``duplicated_values`` values more than once, with ``extra_rows``
    rows beyond the first of each; without ``group_by`` the table is one group. ``rows`` were
    scanned, of which ``null_groups`` have a NULL in a group column and a further ``null_values``
    one in a value column only; ``null_rows`` of these have nothing but NULLs. The policies
    ``nulls`` and ``all_null`` say which of them were compared. ``examples`` are the first of the
    duplicated values, each as it stands in one of its rows, and ``notes`` say what was not read.
    """

    source: str
    table: str
    group_by: tuple[str, ...]
    value: tuple[str, ...]
    nulls: Nulls
    all_null: Nulls
    rows: int
    null_groups: int
    null_values: int
    null_rows: int
    bad_groups: int
    duplicated_values: int
    extra_rows: int
    examples: tuple[DuplicatedValue, ...]
    notes: tuple[str, ...] = ()

    @property
    def rows_skipped(self) -> int:
        """Rows that were not compared because of a NULL."""
        return self._left_out("ignore") + self._left_out("report")

    @property
    def rows_reported(self) -> int:
        """Rows that are findings because of a NULL."""
        return self._left_out("report")

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong; a NULL that a policy reports is wrong as well."""
        return not self.duplicated_values and not self.rows_reported

    def _left_out(self, policy: Nulls) -> int:
        partly = self.null_groups + self.null_values - self.null_rows
        return (partly if self.nulls == policy else 0) + (
            self.null_rows if self.all_null == policy else 0
        )


def duplicates_in(
    source: str,
    group_by: Sequence[str],
    value: Sequence[str],
    *,
    nulls: Nulls = "ignore",
    all_null: Nulls | None = None,
    table: str | None = None,
    input_format: Format | None = None,
    limit: int = 10,
    wait: float = 10.0,
) -> GroupDuplicates:
    """Return the combinations of the columns ``value`` that repeat within those of ``group_by``.

    Without ``group_by`` they must not repeat in the whole table. ``source``, ``table`` and
    ``input_format`` are those of :func:`rlaudit.tables.open_table`.

    ``nulls`` says what a NULL in any of these columns means: ``ignore`` leaves its row out;
    ``equal`` compares it like a value, so that two NULLs are duplicates; ``report`` leaves its
    row out and counts it as a finding. ``all_null`` says the same of rows in which all of these
    columns are NULL, as ``nulls`` does if it is None. NaN equals NaN. ``limit`` bounds the
    examples (0: all).

    Raises :class:`UsageError` for a missing table or column, :class:`DatabaseError` for a file
    that cannot be read, and :class:`QueryError` if the query fails.
    """
    names = (*group_by, *value)
    if not value:
        raise UsageError("no column is named whose values must not repeat", hint="name one")
    with open_table(source, names, table=table, input_format=input_format, wait=wait) as opened:
        groups, values = opened.columns[: len(group_by)], opened.columns[len(group_by) :]
        policy = all_null or nulls
        with query_errors(opened.name):
            counts = _count_nulls(opened, groups, values)
            found = fetch_exact(
                opened.con,
                _findings_query(opened, len(group_by), nulls, policy, limit),
                opened.parameters,
            )
        bad_groups, duplicated_values, extra_rows = found[0][:3] if found else (0, 0, 0)
        return GroupDuplicates(
            source,
            opened.name,
            tuple(group_by),
            tuple(value),
            nulls,
            policy,
            *counts,
            bad_groups,
            duplicated_values,
            extra_rows,
            tuple(_example(row[3:], groups, values) for row in found),
            opened.notes,
        )


def _count_nulls(
    table: Table, groups: Sequence[Column], values: Sequence[Column]
) -> tuple[int, int, int, int]:
    """Return the rows, those with a NULL group, those with a NULL value only, those of NULLs."""
    no_group = " OR ".join(f"{column.cell} IS NULL" for column in groups) or "false"
    no_value = " OR ".join(f"{column.cell} IS NULL" for column in values)
    nothing = " AND ".join(f"{column.cell} IS NULL" for column in table.columns)
    query = f"""
        SELECT
            count(*),
            count(*) FILTER ({no_group}),
            count(*) FILTER (({no_value}) AND NOT ({no_group})),
            count(*) FILTER ({nothing})
        FROM {table.sql} AS t
    """  # noqa: S608 - made of constants and quoted names
    found: tuple[int, int, int, int] = table.con.execute(query, table.parameters).fetchall()[0]
    return found


def _findings_query(table: Table, n_groups: int, nulls: Nulls, all_null: Nulls, limit: int) -> str:
    """Return SQL for the totals and, on at least one row, the first duplicated values."""
    some = " AND ".join(f"{column.cell} IS NOT NULL" for column in table.columns)
    any_ = " OR ".join(f"{column.cell} IS NOT NULL" for column in table.columns)
    compared = f"({any_})" if nulls == "equal" else f"({some})"
    if all_null == "equal":
        compared = f"({compared} OR NOT ({any_}))"
    keys = [f"k{i}" for i in range(len(table.columns))]
    shown = [f"s{i}" for i in range(len(table.columns))]
    order = [
        term.format(f"found.{key}")
        for key, column in zip(keys, table.columns, strict=True)
        for term in column.order
    ]
    groups = f"SELECT DISTINCT {', '.join(keys[:n_groups])}" if n_groups else "SELECT DISTINCT 0"
    return f"""
        WITH found({", ".join([*keys, *shown])}, copies) AS MATERIALIZED (
            SELECT
                {", ".join(column.key for column in table.columns)},
                {", ".join(column.shown for column in table.columns)},
                count(*)
            FROM {table.sql} AS t
            WHERE {compared}
            GROUP BY {", ".join(str(i) for i in range(1, len(keys) + 1))}
            HAVING count(*) > 1
        ),
        totals AS (
            SELECT
                (SELECT count(*) FROM ({groups} FROM found)) AS bad_groups,
                count(*) AS duplicated_values,
                coalesce(sum(copies - 1), 0)::BIGINT AS extra_rows
            FROM found
        )
        SELECT totals.*, {", ".join(f"found.{name}" for name in shown)}, found.copies
        FROM totals CROSS JOIN found
        ORDER BY {", ".join(order)}
        LIMIT {limit or "NULL"}
    """  # noqa: S608 - made of constants and quoted names


def _example(
    row: Sequence[Any], groups: Sequence[Column], values: Sequence[Column]
) -> DuplicatedValue:
    columns = (*groups, *values)
    cells = tuple(c.convert(cell) for c, cell in zip(columns, row[:-1], strict=True))
    return DuplicatedValue(cells[: len(groups)], cells[len(groups) :], row[-1])

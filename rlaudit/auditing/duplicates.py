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

import duckdb

from rlaudit.auditing.sources import Table, open_table, query_failed
from rlaudit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    rows beyond the first of each. ``rows`` were scanned, of which ``null_groups`` have a NULL in
    a group column and a further ``null_values`` one in a value column only; unless ``nulls`` is
    ``equal`` they were not compared. ``examples`` are the first of the duplicated values.
    """

    source: str
    table: str
    group_by: tuple[str, ...]
    value: tuple[str, ...]
    nulls: Nulls
    rows: int
    null_groups: int
    null_values: int
    bad_groups: int
    duplicated_values: int
    extra_rows: int
    examples: tuple[DuplicatedValue, ...]

    @property
    def rows_skipped(self) -> int:
        """Rows that were not compared because of a NULL."""
        return 0 if self.nulls == "equal" else self.null_groups + self.null_values

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong; with ``nulls`` = ``report`` a NULL is wrong as well."""
        return not self.duplicated_values and not (self.nulls == "report" and self.rows_skipped)


def duplicates_in(
    source: str,
    group_by: Sequence[str],
    value: Sequence[str],
    *,
    nulls: Nulls = "ignore",
    table: str | None = None,
    limit: int = 10,
    wait: float = 10.0,
) -> GroupDuplicates:
    """Return the combinations of the columns ``value`` that repeat within those of ``group_by``.

    ``nulls`` says what a NULL in any of these columns means: ``ignore`` leaves its row out;
    ``equal`` compares it like a value, so that two NULLs are duplicates; ``report`` leaves its
    row out and counts it as a finding. NaN equals NaN. ``limit`` bounds the examples (0: all).

    Raises :class:`UsageError` for a missing table or column, :class:`DatabaseError` for a file
    that cannot be read, and :class:`QueryError` if the query fails.
    """
    if repeated := [name for name in (*group_by, *value) if [*group_by, *value].count(name) > 1]:
        raise UsageError(
            f"column {repeated[0]!r} is named twice",
            hint="a column is part of the group or of the value, not both",
        )
    with open_table(source, table, wait=wait) as opened:
        groups = [opened.column(name) for name in group_by]
        values = [opened.column(name) for name in value]
        try:
            rows, null_groups, null_values = _count_nulls(opened, groups, values)
            counted = opened.con.execute(
                _findings_query(opened, groups, values, nulls, limit), opened.parameters
            ).fetchall()
        except duckdb.Error as error:
            raise query_failed(opened.name, error) from error
        bad_groups, duplicated_values, extra_rows = counted[0][:3] if counted else (0, 0, 0)
        return GroupDuplicates(
            source=source,
            table=opened.name,
            group_by=tuple(group_by),
            value=tuple(value),
            nulls=nulls,
            rows=rows,
            null_groups=null_groups,
            null_values=null_values,
            bad_groups=bad_groups,
            duplicated_values=duplicated_values,
            extra_rows=extra_rows,
            examples=tuple(_example(row[3:], len(groups)) for row in counted),
        )


def _count_nulls(table: Table, groups: list[str], values: list[str]) -> tuple[int, int, int]:
    no_group = " OR ".join(f"{column} IS NULL" for column in groups)
    no_value = " OR ".join(f"{column} IS NULL" for column in values)
    query = f"""
        SELECT
            count(*),
            count(*) FILTER ({no_group}),
            count(*) FILTER (({no_value}) AND NOT ({no_group}))
        FROM {table.sql}
    """  # noqa: S608 - quoted names
    rows, null_groups, null_values = table.con.execute(query, table.parameters).fetchall()[0]
    return rows, null_groups, null_values


def _findings_query(
    table: Table, groups: list[str], values: list[str], nulls: Nulls, limit: int
) -> str:
    """Return SQL for the totals and, on at least one row, the first duplicated values."""
    columns = ", ".join((*groups, *values))
    only = (
        ""
        if nulls == "equal"
        else "WHERE " + " AND ".join(f"{column} IS NOT NULL" for column in (*groups, *values))
    )
    # The columns are numbered, so that no name of a user's column can clash.
    names = [f"c{i}" for i in range(len(groups) + len(values))]
    group_names = ", ".join(names[: len(groups)])
    return f"""
        WITH found({", ".join(names)}, copies) AS MATERIALIZED (
            SELECT {columns}, count(*)
            FROM {table.sql}
            {only}
            GROUP BY {columns}
            HAVING count(*) > 1
        ),
        totals AS (
            SELECT
                (SELECT count(*) FROM (SELECT DISTINCT {group_names} FROM found)) AS bad_groups,
                count(*) AS duplicated_values,
                coalesce(sum(copies - 1), 0)::BIGINT AS extra_rows
            FROM found
        )
        SELECT totals.*, found.*
        FROM totals CROSS JOIN found
        ORDER BY {", ".join(f"found.{name}" for name in names)}
        LIMIT {limit or "NULL"}
    """  # noqa: S608 - quoted names


def _example(row: Sequence[Any], n_groups: int) -> DuplicatedValue:
    return DuplicatedValue(tuple(row[:n_groups]), tuple(row[n_groups:-1]), row[-1])

"""Read a table of anyone's: a DuckDB file, Parquet, CSV or JSON lines, without losing a digit.

- :mod:`data_files`: which files a user means, and in which format each is.
- :mod:`csv_table`, :mod:`json_table`, :mod:`parquet_table`: the named columns of such files.
- :mod:`exact_text`: when two texts of a file are one value.
- :mod:`names`: which column a user means.
- :mod:`opening`: one table to query, whatever it was made from.
"""

from rlaudit.tables.data_files import STDIN, Format, matching
from rlaudit.tables.opening import Column, Table, open_table, query_errors

__all__ = ["STDIN", "Column", "Format", "Table", "matching", "open_table", "query_errors"]

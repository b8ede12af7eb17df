"""Load DuckDB, and close the connection that it opens by itself when it is loaded.

A forked child does not get that connection's threads, and would abort, or wait for them for ever,
when it ends. DuckDB opens the connection again for whoever uses it. If somebody loaded DuckDB
before, it may be in use, and stays open.
"""

import sys

_WAS_LOADED = "duckdb" in sys.modules

import duckdb  # noqa: E402

if not _WAS_LOADED:
    duckdb.default_connection().close()

"""The page of a log for ``rlaudit serve``, in a process of its own.

``python -m rlaudit.cli.served_page OPTIONS``. OPTIONS: one JSON object with ``path``, ``audit``,
``live`` and ``record``. Output: the page.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rlaudit.cli.beside import begin_beside
from rlaudit.errors import EXIT_CLEAN, EXIT_FAILED, RlauditError


def main() -> int:
    """Make the page as the argument says."""
    options = json.loads(sys.argv[1])
    begin_beside()
    from rlaudit.render.page import page_html, read_page

    try:
        page = read_page(
            options["path"], audit=options["audit"], record=Path(options["record"]), wait=5.0
        )
        text = page_html(page, live=options["live"])
    except RlauditError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED
    sys.stdout.buffer.write(text.encode())
    return EXIT_CLEAN


if __name__ == "__main__":
    sys.exit(main())

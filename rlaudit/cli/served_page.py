"""The page of a log for ``rlaudit serve``, in a process of its own.

``python -m rlaudit.cli.served_page OPTIONS``. OPTIONS: one JSON object with ``path``, ``audit``,
``judging``, ``live`` and ``folder``, where what the last audit found is kept for the next page.
Output: the page.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaudit.cli.beside import begin_beside
from rlaudit.errors import EXIT_CLEAN, EXIT_FAILED, RlauditError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rlaudit.auditing import AuditReport
    from rlaudit.live import FileState


def main() -> int:
    """Make the page as the argument says."""
    options = json.loads(sys.argv[1])
    begin_beside()
    try:
        text = served_page(
            Path(options["path"]),
            Path(options["folder"]),
            audit=options["audit"],
            judging=options["judging"],
            live=options["live"],
        )
    except RlauditError as error:
        from rlaudit.render.harmless import printable

        sys.stderr.write(f"{printable(str(error))}\n")
        return EXIT_FAILED
    sys.stdout.buffer.write(text.encode())
    return EXIT_CLEAN


def served_page(
    path: Path, folder: Path, *, audit: bool, judging: Mapping[str, Any], live: str
) -> str:
    """Return the page of the log at ``path``, which is called ``live`` on its server.

    The log is not audited again if nothing was written to it since the last page of ``folder``.
    """
    from rlaudit.live import file_state
    from rlaudit.render.page import page_html, read_page

    # Taken before the log is read: what is written meanwhile makes another state.
    state = file_state(path)
    kept = folder / "audit"
    known = _audit_of(state, kept) if audit else None
    page = read_page(
        path,
        audit=audit if known is None else known,
        judging=judging,
        record=folder / "audits.duckdb",
        wait=5.0,
    )
    # A problem may be gone at the next page, though the log is the same: another had it open.
    if known is None and page.audit is not None and not page.audit.problems:
        kept.write_bytes(pickle.dumps((state, page.audit)))
    return page_html(page, live=live)


def _audit_of(state: FileState, kept: Path) -> AuditReport | None:
    """Return what an audit of the log found when it was in ``state``; None if there was none."""
    if not kept.exists():
        return None
    then, report = pickle.loads(kept.read_bytes())  # noqa: S301 - of the server's own private folder
    return report if then == state else None


if __name__ == "__main__":
    sys.exit(main())

"""One audit of a run that goes on, in a process of its own: ``python -m rlaudit.cli.live_audit``.

DuckDB refuses a reading and a writing connection in one process, so a trainer cannot audit its
own log. Arguments: one JSON object with what :func:`rlaudit.auditing.audit` takes. Output: one
JSON object with ``findings``, ``problems`` and ``judged``: how many checks judged something.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress

from rlaudit.errors import RlauditError


def main() -> int:
    """Audit as the argument says."""
    options = json.loads(sys.argv[1])
    with suppress(OSError, AttributeError):  # not on every system
        os.nice(5)  # what is left of the machine is for the training
    from rlaudit.auditing import audit

    try:
        report = audit(**options)
    except RlauditError as error:
        found: dict[str, object] = {
            "findings": [],
            "problems": [str(error)],
            "judged": "",
        }
    else:
        keys = ("check", "severity", "run_id", "rows", "diagnosis")
        found = {
            "findings": [{key: row[key] for key in keys} for row in report.to_dicts()],
            "problems": [str(problem) for problem in report.problems],
            "judged": f"{report.coverage.judged} of {report.coverage.checks} checks",
        }
    sys.stdout.write(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())

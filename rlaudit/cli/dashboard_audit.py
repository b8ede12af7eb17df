"""One audit for ``rlaudit watch``, in a process of its own.

``python -m rlaudit.cli.dashboard_audit OPTIONS``.

OPTIONS: one JSON object with ``source``, ``run_id`` and ``record``. Output: a line for each
part of the audit, as it is done.
"""

from __future__ import annotations

import json
import sys

from rlaudit.cli.beside import begin_beside
from rlaudit.errors import EXIT_CLEAN, EXIT_FAILED, RlauditError


def main() -> int:
    """Audit as the argument says."""
    options = json.loads(sys.argv[1])
    begin_beside()
    from rlaudit.live import audit_in_parts

    try:
        for part in audit_in_parts(options["source"], options["run_id"], record=options["record"]):
            sys.stdout.write(json.dumps(part.to_dict()) + "\n")
            sys.stdout.flush()
    except RlauditError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED
    return EXIT_CLEAN


if __name__ == "__main__":
    sys.exit(main())

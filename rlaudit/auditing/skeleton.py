"""Write the beginning of a new check: one that runs, passes lint, and finds nothing yet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rlaudit.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(r"[a-z][a-z0-9_]*")

# A row that it would return is one that no trainer writes, so it is quiet until it is edited.
_SKELETON = """\
-- name: {name}
-- title: Losses of updates
-- severity: warning
-- reads: updates
-- grain: run_id, update_id
-- groups: updates = updates
-- requires: updates.loss
-- params: least DOUBLE = 0.0
-- diagnosis: update {{update_id}} of run {{run_id}} has the loss {{loss}}, where none is below
--     {{least}}; {{found}} updates of the run are like this
-- why: say here what goes wrong in training, or in reading the log, if this is wrong.
-- incremental: update_id
-- cites: say here who met it, and where.

-- Each row that this returns is something wrong. Write (condition) IS NOT TRUE and not
-- NOT (condition): NULL slips through the latter. NaN is greater than every number here; ask
-- isnan(x) besides.
SELECT
    run_id,
    update_id,
    loss,
    getvariable('least') AS least
FROM updates
WHERE loss < getvariable('least')
"""


def new_check(name: str, folder: Path) -> Path:
    """Write a check ``name`` that works and finds nothing, and return its path.

    The folder is created if it is absent; its name is the check's family.

    Raises:
        UsageError: if the name is no name for a check, or the file is there already or cannot be
            written.

    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a check", hint="use small letters, digits and underscores"
        )
    path = folder / f"{name}.sql"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(_SKELETON.format(name=name))
    except FileExistsError:
        raise UsageError(f"{path} is there already", hint="choose another name") from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}", hint="choose another") from error
    return path

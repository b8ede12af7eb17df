"""Say of findings which others they are likely consequences of.

One bug may fail several checks. The key ``after`` of a check's header names those that tell more
of its cause: where they fail in the same run, they are read first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rlaudit.auditing.results import CheckResult, Finding

    Failing = Mapping[tuple[str, str | None], Finding]
    """The findings by check and run."""


def with_causes(results: Sequence[CheckResult]) -> list[CheckResult]:
    """Return ``results`` whose findings say which of the others they likely follow from."""
    failing = {(f.check.name, f.run_id): f for result in results for f in result.findings}
    return [
        replace(
            result,
            findings=tuple(replace(f, follows=_causes(f, failing)) for f in result.findings),
        )
        if result.findings and result.check.after
        else result
        for result in results
    ]


def _causes(finding: Finding, failing: Failing) -> tuple[str, ...]:
    names = []
    for cause in finding.check.after:
        found = failing.get((cause.check, finding.run_id))
        if found is None:
            continue
        if cause.column is None or any(row.get(cause.column) for row in found.examples):
            names.append(cause.check)
    return tuple(names)

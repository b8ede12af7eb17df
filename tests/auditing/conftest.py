from __future__ import annotations

import checking
import pytest

from rlaudit.auditing import run_checks


@pytest.fixture(autouse=True)
def near_misses_pass(request, monkeypatch):
    """See to it that the checks of a test's near_miss marks were run in it and passed."""
    named = {name for mark in request.node.iter_markers("near_miss") for name in mark.args}
    passed = set()

    def watched(*args, **options):
        results = run_checks(*args, **options)
        passed.update(result.check.name for result in results if result.status == "pass")
        return results

    if named:
        monkeypatch.setattr(checking, "run_checks", watched)
    yield
    assert named <= passed, f"not run or not passed: {sorted(named - passed)}"

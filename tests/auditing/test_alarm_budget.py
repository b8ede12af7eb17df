"""How often a healthy run fails any statistical check, from what the headers state."""

from __future__ import annotations

import pytest
from checking import CHECKS

BUDGET = 0.01
SCHEMES = ("stratified", "independent", "uniform")
# Judges only the runs that have no transitions, which a header cannot ask for.
WITHOUT_TRANSITIONS = "redraws_unlike_priorities"


def alphas(scheme, *, with_transitions):
    """Return the alpha of each check that one run of ``scheme`` faces."""
    found = {}
    for check in CHECKS.values():
        alpha = {param.name: param.default for param in check.params}.get("alpha")
        prioritized = any(
            str(needed) in {"samples.priority", "updates.priority_total"}
            for needed in check.requires
        )
        if alpha is None or (scheme == "uniform" and prioritized):
            continue
        if with_transitions and check.name == WITHOUT_TRANSITIONS:
            continue
        if not with_transitions and any("transitions" in table for table in check.reads):
            continue
        allowed = [
            needed.allowed for needed in check.requires if str(needed).startswith("config.sampling")
        ]
        if all(scheme in schemes for schemes in allowed):
            found[check.name] = alpha
    return found


@pytest.mark.parametrize("with_transitions", [True, False])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_healthy_run_fails_one_time_in_a_hundred_at_most(scheme, with_transitions):
    faced = alphas(scheme, with_transitions=with_transitions)
    assert faced
    assert sum(faced.values()) <= BUDGET, faced


def test_the_budget_counts_the_checks_that_a_stratified_run_faces():
    faced = alphas("stratified", with_transitions=True)
    assert {"excess_repeats_stratified", "draws_unlike_priorities"} <= faced.keys()
    assert "uniform_slots_uneven" not in faced
    assert "excess_repeats_independent" not in faced


@pytest.mark.parametrize("check", [c for c in CHECKS.values() if c.family == "sampling"], ids=str)
def test_a_statistical_check_states_its_threshold_and_its_false_alarms(check):
    if any(param.name == "alpha" for param in check.params):
        assert check.threshold
        assert check.false_alarms

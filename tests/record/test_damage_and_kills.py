"""Logs that are damaged, and recorders that are killed: short forms of the counts in the README."""

from __future__ import annotations

import os

import damaged_logs
import kills
import pytest


def survived(results):
    """Return how many were tried, and fail with what went wrong."""
    failures = [key for key in results if "WRONG" in str(key)]
    assert failures == []
    return results.total()


def damages(count, seed):
    wrong = []

    def note(number, target, name, word, answer):
        if word.startswith("WRONG"):
            wrong.append((number, target, name, word, answer))

    results = damaged_logs.damage_logs(count, seed, note)
    assert wrong == []
    return results


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_damaged_logs_are_refused_or_told_of_or_whole():
    assert survived(damages(12, seed=1)) == 12


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_five_hundred_damaged_logs_are_refused_or_told_of_or_whole():
    assert survived(damages(500, seed=0)) == 500


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_killed_recorders_lose_nothing_that_was_stored():
    assert survived(kills.kill_recorders(4, seed=1)) == 4


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_a_hundred_killed_recorders_lose_nothing_that_was_stored():
    assert survived(kills.kill_recorders(100, seed=0)) == 100

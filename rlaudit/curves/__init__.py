"""What runs returned: curves out of logs, summarised over seeds, and groups of runs compared."""

from __future__ import annotations

from rlaudit.curves.compare import Comparison, FinalGroup, FinalReturn, compare_groups, final_group
from rlaudit.curves.grouping import SELECTORS, group_curves, select_curves
from rlaudit.curves.human import SCORES_SOURCE, game_of, human_normalised
from rlaudit.curves.model import Axis, Curve, Measure, Phase, Wish
from rlaudit.curves.read import read_curves, window_for
from rlaudit.curves.statistics import (
    Interval,
    Statistic,
    bootstrap_interval,
    interquartile_mean,
    probability_of_improvement,
)
from rlaudit.curves.summary import CurvePlot, Ended, GroupCurve, position_text, summarise

__all__ = [
    "SCORES_SOURCE",
    "SELECTORS",
    "Axis",
    "Comparison",
    "Curve",
    "CurvePlot",
    "Ended",
    "FinalGroup",
    "FinalReturn",
    "GroupCurve",
    "Interval",
    "Measure",
    "Phase",
    "Statistic",
    "Wish",
    "bootstrap_interval",
    "compare_groups",
    "final_group",
    "game_of",
    "group_curves",
    "human_normalised",
    "interquartile_mean",
    "position_text",
    "probability_of_improvement",
    "read_curves",
    "select_curves",
    "summarise",
    "window_for",
]

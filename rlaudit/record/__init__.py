"""Record a run: rows go into columns in memory, one background thread writes them."""

from __future__ import annotations

from rlaudit.record.columns import Columns
from rlaudit.record.evaluation import add_evaluation
from rlaudit.record.ledger import Ledger
from rlaudit.record.recorder import Recorder
from rlaudit.record.segment import Resume

__all__ = ["Columns", "Ledger", "Recorder", "Resume", "add_evaluation"]

"""``rlaudit train``: the loop, and its joining to the log."""

from rlaudit.train.progress import Progress, Summary
from rlaudit.train.resume import resume_training
from rlaudit.train.run import run_training

__all__ = ["Progress", "Summary", "resume_training", "run_training"]

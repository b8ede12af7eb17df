"""``rlaudit train``: the loop, and its joining to the log."""

from rlaudit.train.evaluate import (
    Evaluated,
    evaluate_checkpoint,
    film_games,
    find_checkpoint,
    log_evaluation,
)
from rlaudit.train.progress import Progress, Summary
from rlaudit.train.resume import resume_training
from rlaudit.train.run import run_training

__all__ = [
    "Evaluated",
    "Progress",
    "Summary",
    "evaluate_checkpoint",
    "film_games",
    "find_checkpoint",
    "log_evaluation",
    "resume_training",
    "run_training",
]

"""The version of rlaudit; stated here and nowhere else."""

__version__ = "0.1.0.dev0"

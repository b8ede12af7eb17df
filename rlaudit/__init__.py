"""Data quality and experiment-log analytics for replay-based reinforcement learning."""

__version__ = "0.1.0.dev0"

"""The screen of ``rlaudit watch``; it needs the extra ``watch``."""

from __future__ import annotations

from rlaudit.render.dashboard.show import show_dashboard

__all__ = ["show_dashboard"]

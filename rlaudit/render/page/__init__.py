"""One log as a web page in a single file, which needs no network; see :mod:`.page`."""

from __future__ import annotations

from rlaudit.render.page.data import PageData, read_page
from rlaudit.render.page.page import page_html

__all__ = ["PageData", "page_html", "read_page"]

"""The page of a log over HTTP: one page, read-only, made anew when the log has changed."""

from __future__ import annotations

from rlaudit.serving.keeper import PageKeeper
from rlaudit.serving.server import Address, open_socket, serve_page
from rlaudit.serving.web import page_app

__all__ = ["Address", "PageKeeper", "open_socket", "page_app", "serve_page"]

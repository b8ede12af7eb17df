"""The page as an ASGI application: two paths, GET and HEAD, and nothing that writes.

A web page elsewhere can make a browser send requests here, and by a name that it lets point to
this machine (DNS rebinding) it could read the answers. So a request must name a host that it may.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rlaudit.serving.keeper import PageKeeper

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

_HTML, _TEXT, _JSON = "text/html; charset=utf-8", "text/plain; charset=utf-8", "application/json"
_HEADERS = {
    # The page forbids itself the rest, but whether it may be framed only a header can say.
    "Content-Security-Policy": "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_WAITING = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="1">
<meta name="color-scheme" content="light dark"><title>rlaudit serve</title></head>
<body><p>{}</p></body></html>
"""


def page_app(keeper: PageKeeper, may_name: Callable[[str], bool]) -> App:
    """Return the application.

    Args:
        keeper: has the page.
        may_name: says of a request's Host header whether it is one of ours.

    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(keeper, receive, send)
        elif scope["type"] == "http":
            await _answer(scope, send, *_response(keeper, may_name, scope))

    return app


def _response(
    keeper: PageKeeper, may_name: Callable[[str], bool], scope: Scope
) -> tuple[int, str, bytes]:
    """Return status, type and body of the answer to a request."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if len(hosts) != 1 or not may_name(hosts[0].decode("latin-1")):
        return 421, _TEXT, b"this server does not answer to that name\n"
    if scope["method"] not in ("GET", "HEAD"):
        return 405, _TEXT, b"this server only shows\n"
    keeper.asked()
    if scope["path"] == "/state":
        state = {"state": keeper.state, "problem": keeper.problem}
        return 200, _JSON, json.dumps(state).encode()
    if scope["path"] != "/":
        return 404, _TEXT, b"there is nothing here but /\n"
    if keeper.page is None:
        text = html.escape(keeper.problem or "The log is being read.")
        return 503, _HTML, _WAITING.format(text).encode()
    return 200, _HTML, keeper.page


async def _answer(scope: Scope, send: Send, status: int, kind: str, body: bytes) -> None:
    headers = {**_HEADERS, "Content-Type": kind, "Content-Length": str(len(body))}
    if status == 405:
        headers["Allow"] = "GET, HEAD"
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def _live(keeper: PageKeeper, receive: Receive, send: Send) -> None:
    """Keep the page from the start of the server to its end."""
    await receive()
    keeping = asyncio.create_task(keeper.keep())
    await send({"type": "lifespan.startup.complete"})
    await receive()
    keeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeping
    await send({"type": "lifespan.shutdown.complete"})

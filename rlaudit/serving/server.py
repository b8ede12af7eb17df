"""Where the page is served, and who may ask for it."""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlaudit.errors import UsageError
from rlaudit.serving.web import page_app

if TYPE_CHECKING:
    from rlaudit.serving.keeper import PageKeeper


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens: the host as it was asked for, and the port it has."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The address as a browser takes it."""
        return f"http://{_bracketed(self.host)}:{self.port}/"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        address = _as_ip(self.host)
        return self.host == "localhost" if address is None else address.is_loopback

    def may_name(self, host_header: str) -> bool:
        """Say whether a request that names ``host_header`` is meant for this server.

        On loopback that is a loopback address or localhost. Elsewhere it is the host that was
        asked for, this machine's name, or any address, since no other site has one as its name.
        """
        try:
            host, port = _split(host_header)
        except ValueError:
            return False
        if port != self.port:
            return False
        if host in ("localhost", self.host.lower()):
            return True
        address = _as_ip(host)
        if self.is_loopback:
            return address is not None and address.is_loopback
        return address is not None or host == socket.gethostname().lower()


def open_socket(host: str, port: int) -> tuple[socket.socket, Address]:
    """Listen on ``host`` and ``port``, 0 for any that is free; return the socket and its address.

    Raises :class:`UsageError` if that cannot be.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, where = found[0]
        opened = socket.create_server(where[:2], family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UsageError(
                f"port {port} of {host} is taken", hint="choose another --port; 0 takes a free one"
            ) from error
        raise UsageError(
            f"cannot listen on {host}, port {port}: {error.strerror}",
            hint="choose another --host or --port",
        ) from error
    return opened, Address(host, opened.getsockname()[1])


def serve_page(keeper: PageKeeper, opened: socket.socket, address: Address) -> None:
    """Answer requests until Ctrl-C, which raises KeyboardInterrupt."""
    import uvicorn  # noqa: PLC0415 - an extra

    from rlaudit.serving.connections import Connection  # noqa: PLC0415 - is made of it

    config = uvicorn.Config(
        page_app(keeper, address.may_name),
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        # Of what it would say of requests, all are the clients' own doing.
        log_level="error",
        server_header=False,
        http=Connection,
        # So many are accepted at once, before one of them can be closed.
        backlog=Connection.most,
        timeout_graceful_shutdown=2,
    )
    uvicorn.Server(config).run(sockets=[opened])


def _as_ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _split(host_header: str) -> tuple[str, int]:
    """Return host and port of a Host header; raise ValueError if it is none."""
    host, colon, port = host_header.strip().lower().rpartition(":")
    if not colon or host_header.endswith("]"):
        host, port = host_header.strip().lower(), "80"
    if not port.isascii() or not port.isdigit():
        raise ValueError(host_header)
    return host.removeprefix("[").removesuffix("]"), int(port)

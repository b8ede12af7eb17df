"""Clients that hold connections and never come to an end do not keep others from the page."""

from __future__ import annotations

import contextlib
import select
import socket
import time

import psutil
import pytest

MOST = 64
# More than all buffers between the two ends hold.
PAGE = 30_000_000
# Serves zeros: bytes of the page, seconds for a request, seconds for an answer.
PROGRAM = """
import asyncio, sys
from pathlib import Path
from rlaudit.serving import PageKeeper, open_socket, serve_page
from rlaudit.serving.connections import Connection

class Zeros(PageKeeper):
    async def keep(self):
        self.page = bytes(int(sys.argv[1]))
        await asyncio.Event().wait()

Connection.to_ask, Connection.to_take = map(float, sys.argv[2:])
opened, address = open_socket("127.0.0.1", 0)
print(f"zeros are shown at {address.url}", flush=True)
serve_page(Zeros(Path("zeros")), opened, address)
"""


@pytest.fixture
def zeros(served):
    """Start a server of so many zeros that waits so long for a request and for an answer."""
    return lambda size, to_ask, to_take: served(size, to_ask, to_take, program=("-c", PROGRAM))


@pytest.fixture
def connected():
    """Connect to a server, send something and read nothing."""
    with contextlib.ExitStack() as stack:

        def connect(server, data=b""):
            client = stack.enter_context(socket.socket())
            # A small window: an answer stays with the server.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(20)
            client.connect(("127.0.0.1", server.port))
            # The server may have closed it before all was sent.
            with contextlib.suppress(ConnectionError):
                client.sendall(data)
            return client

        yield connect


def request(server, path="/", method="GET", more=""):
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{more}\r\n".encode()


def clients_of(server):
    """The connections that the server's process has."""
    found = psutil.Process(server.process.pid).net_connections("tcp")
    return [one for one in found if one.status not in (psutil.CONN_LISTEN, psutil.CONN_NONE)]


HOSTILE = {
    "nothing is sent": lambda _: b"",
    "half a line": lambda _: b"GET / HT",
    "half a header": lambda server: request(server)[:-2],
    "an answer is not read": request,
    "many requests at once, no answer is read": lambda server: request(server) * 20,
    "idle after an answer": lambda server: request(server, "/state"),
    "half a body": lambda server: request(server, "/", "POST", "Content-Length: 9999\r\n") + b"x",
    "a long line": lambda _: b"GET /" + b"a" * 15_000,
    "a longer line": lambda _: b"GET /" + b"a" * 100_000,
    "thousands of headers": lambda server: request(server, more="a: b\r\n" * 2_000)[:-2],
    "no HTTP": lambda _: bytes(range(256)),
    "TLS": lambda _: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("sends", HOSTILE.values(), ids=HOSTILE)
def test_whoever_comes_is_served_beside_a_hundred_that_hold_a_connection(zeros, connected, sends):
    server = zeros(100_000, 60, 60)
    held = [connected(server, sends(server)) for _ in range(100)]
    began = time.monotonic()
    for path in ("/", "/state"):
        status, _, body = server.ask(path)
        assert (status, len(body) > 10) == (200, True)
    # It is a few hundredths; the rest is for a machine that does other things.
    assert time.monotonic() - began < 5
    server.wait_until(lambda: len(clients_of(server)) <= MOST)
    for client in held:
        client.close()
    server.process.terminate()
    assert server.process.communicate(timeout=60) == ("", "")


def test_a_request_that_comes_byte_by_byte_is_not_waited_for(zeros, connected):
    server = zeros(10, 0.5, 60)
    client = connected(server)
    began, sent = time.monotonic(), 0
    while not select.select([client], [], [], 0.02)[0]:
        assert time.monotonic() - began < 20, f"open after {sent} bytes"
        client.sendall(b"GET / HTTP/1.1\r\nX: "[sent : sent + 1] or b"x")
        sent += 1
    assert time.monotonic() - began >= 0.45
    assert sent > 3
    with contextlib.suppress(ConnectionError):
        assert client.recv(10) == b""


def test_of_many_requests_at_once_the_first_is_answered(zeros, connected):
    server = zeros(10, 60, 60)
    client = connected(server, request(server) * 1_000)
    assert received(client) == 10
    with contextlib.suppress(ConnectionError):
        assert client.recv(10) == b""


@pytest.mark.parametrize("more", ["", "Connection: close\r\n"])
def test_an_answer_that_is_not_taken_is_given_up(zeros, connected, more):
    server = zeros(PAGE, 60, 0.5)
    connected(server, request(server, more=more))
    assert len(server.wait_until(lambda: clients_of(server))) == 1
    server.wait_until(lambda: not clients_of(server))


def test_an_answer_may_take_longer_than_a_request(zeros, connected):
    server = zeros(PAGE, 0.2, 60)
    client = connected(server, request(server))
    began = time.monotonic()
    server.wait_until(lambda: time.monotonic() > began + 0.5)
    assert received(client) == PAGE


def test_who_asks_is_answered_though_a_hundred_come_after_it(zeros, connected):
    server = zeros(10, 60, 60)
    client = connected(server, request(server))
    held = [connected(server, b"GET / HT") for _ in range(100)]
    assert received(client) == 10
    assert len(held) == 100


def received(client):
    """Read an answer to its end, and return how many bytes its body has."""
    with client.makefile("rb") as file:
        head = {}
        assert file.readline().split()[1] == b"200"
        for line in iter(file.readline, b"\r\n"):
            name, _, value = line.partition(b": ")
            head[name.lower()] = value
        return len(file.read(int(head[b"content-length"])))


def test_who_asks_again_and_again_keeps_the_connection(zeros, connected):
    server = zeros(10, 0.3, 60)
    client = connected(server)
    began = time.monotonic()
    while time.monotonic() < began + 1:
        client.sendall(request(server))
        assert received(client) == 10
        select.select([client], [], [], 0.05)
    with contextlib.suppress(ConnectionError):
        assert client.recv(10) == b""

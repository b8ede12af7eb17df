from __future__ import annotations

import contextlib
import http.client
import subprocess
import sys
import threading
import time

import pytest

DEADLINE = 180.0


class Served:
    """A running ``rlaudit serve``, or another program that serves and first says where."""

    def __init__(self, *args, program=("-m", "rlaudit", "serve")):
        command = [sys.executable, *program, *map(str, args)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.said = self.process.stdout.readline()
        assert self.said, self.process.communicate()[1]
        self.port = int(self.said.rpartition(":")[2].strip("/\n"))
        self._tick = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    def ask(self, path="/", *, method="GET", host=None):
        """Status, headers and body of the answer to a request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_host=True)
            if host != "":
                connection.putheader("Host", host or f"127.0.0.1:{self.port}")
            connection.endheaders()
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    def wait_until(self, condition):
        """Ask until ``condition`` is met, and return what it returned."""
        end = time.monotonic() + DEADLINE
        while not (found := condition()):
            assert time.monotonic() < end, "never so"
            self._tick.wait(0.05)
        return found


@pytest.fixture
def log(log_file):
    path, writing = log_file
    with writing() as rows:
        rows.add_run("first")
    return path


@pytest.fixture
def served():
    """Servers that are ended at the end, whatever happened to them."""
    started = []

    def start(*args, **options):
        started.append(Served(*args, **options))
        return started[-1]

    yield start
    for server in started:
        server.process.kill()
        server.process.communicate()

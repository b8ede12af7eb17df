"""A program on a terminal of its own, whose screen can be read."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

import pyte

# What a program can switch on in a terminal, as it stands in ESC [ ? N h, and must switch off.
ALTERNATE_SCREEN, MOUSE, PASTE, FOCUS, SIZES = 1049, 1000, 2004, 1004, 2048
CURSOR, WRAP = 25, 7  # these are on before
_SWITCH = re.compile(rb"\x1b\[\?([\d;]+)([hl])")
_KITTY = re.compile(rb"\x1b\[([<>])\d*u")

DEADLINE = 180.0


class Terminal:
    """A terminal of ``columns`` by ``rows`` in which ``command`` runs."""

    def __init__(self, command, *, columns=80, rows=24, env=None, cwd=None):
        self._main, self._side = pty.openpty()
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._main, termios.TIOCSWINSZ, size)
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.written = b""
        self.settings_before = termios.tcgetattr(self._side)
        left_out = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "PYTEST_CURRENT_TEST")
        inherited = {key: value for key, value in os.environ.items() if key not in left_out}
        self.process = subprocess.Popen(
            command,
            stdin=self._side,
            stdout=self._side,
            stderr=self._side,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - no thread holds a lock that it needs
            cwd=cwd,
            env={**inherited, "TERM": "xterm-256color", **(env or {})},
        )

    @property
    def lines(self):
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self):
        return "\n".join(self.lines)

    def settings(self):
        """What the terminal does with what is typed: echo, line by line, signals."""
        return termios.tcgetattr(self._side)

    def press(self, keys):
        os.write(self._main, keys)

    def wait_for(self, condition):
        """Read until ``condition``, a text or a function of the screen, is met."""
        met = condition if callable(condition) else lambda screen: condition in screen
        end = time.monotonic() + DEADLINE
        while not met(self.text):
            assert self._read(end - time.monotonic()), f"never seen on\n{self.text}"

    def wait_for_end(self):
        """Read what is still written, and return the exit code."""
        end = time.monotonic() + DEADLINE
        while self.process.poll() is None:
            assert time.monotonic() < end, f"does not end\n{self.text}"
            self._read(0.05)
        while self._read(0):
            pass
        return self.process.returncode

    def left_on(self):
        """The switches that the program has changed and not changed back."""
        state = {CURSOR: True, WRAP: True}
        for numbers, letter in _SWITCH.findall(self.written):
            for number in numbers.split(b";"):
                state[int(number)] = letter == b"h"
        keyboards = [sign == b">" for sign in _KITTY.findall(self.written)]
        normal = {CURSOR: True, WRAP: True}
        changed = {n for n, on in state.items() if on != normal.get(n, False)}
        return changed | ({"kitty"} if sum(keyboards) * 2 != len(keyboards) else set())

    def hang_up(self):
        """Close the window; what runs in it gets a SIGHUP, and nothing can be read any more."""
        os.close(self._main)
        self._main = None

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for handle in (self._main, self._side):
            if handle is not None:
                os.close(handle)

    def _read(self, seconds):
        ready, _, _ = select.select([self._main], [], [], max(0.0, seconds))
        if not ready:
            return False
        data = os.read(self._main, 65536)
        self.written += data
        self._stream.feed(data)
        return True


def _take_terminal():
    """Make the terminal the one that belongs to the new session, as in a window."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def rlaudit(*args):
    return [sys.executable, "-m", "rlaudit", *map(str, args)]

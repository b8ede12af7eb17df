"""Jobs that tests give to a child, which imports this module."""

from __future__ import annotations

import os
import pickle
import tempfile
import threading
from pathlib import Path

from rlaudit.apart.messages import Began
from rlaudit.errors import QueryError


def numbers(count):
    yield from range(count)
    yield os.getpid()


def for_ever(what="slow"):
    yield Began(what)
    threading.Event().wait()


def said_then_for_ever():
    """Say which process it is and where it writes, and never end."""
    (Path(tempfile.gettempdir()) / "spilled").write_bytes(b"x")
    yield os.getpid(), tempfile.gettempdir()
    threading.Event().wait()


def aborted():
    yield Began("aborted")
    os.abort()


def exits():
    yield Began("exits")
    os.write(2, b"one line\nthe last line\n")
    os._exit(3)


def grows():
    yield Began("grows", memory=2**20)
    kept = []
    while True:
        kept.append(b"x" * 2**22)


def fails():
    yield 1
    error = QueryError("refused", hint="ask for less")
    error.add_note("LINE 1: ...")
    raise error


class Odd(Exception):  # noqa: N818 - no error of ours
    def __init__(self, first, second):  # noqa: ARG002 - it cannot be made of its text alone
        super().__init__(first)


def fails_oddly():
    yield 1
    raise Odd("one", "two")


def no_memory():
    yield Began("no_memory")
    raise MemoryError


def forges():
    """Write to stdout as DuckDB can, and as C code does: past Python's own stream."""
    os.write(1, pickle.dumps("forged"))
    yield "true"


def too_large():
    yield bytes(257 * 2**20)


def something_smaller():
    try:
        yield bytes(257 * 2**20)
    except QueryError as error:
        yield str(error)
    yield "the next"


def each(names):
    """Do what each name says; one that spoils the process ends it at the next."""
    spoilt = False
    for name in names:
        yield Began(name)
        if name == "aborted" or spoilt:
            os.abort()
        if name == "slow":
            threading.Event().wait()
        spoilt = name == "spoils"
        yield f"{name} done"


def never_begins(names):  # noqa: ARG001 - a job on items
    yield from ()
    os.abort()

"""What a child says to its parent besides the results of a job."""

from __future__ import annotations

import math
from typing import NamedTuple

from rlaudit.errors import RlauditError


class EndedError(RlauditError):
    """A child ended before it had done its job; the message is what follows "the query"."""


class TooLongError(EndedError):
    """It took more time than it had."""


class SpoiltError(EndedError):
    """What a job works with is of no use for what is left: some part of the job has spoilt it."""


class Began(NamedTuple):
    """What a job gives when it begins something that is limited: its name, and bytes of memory."""

    what: str = ""
    memory: float = math.inf


class Done(NamedTuple):
    """The end of a job."""


class Failed(NamedTuple):
    """The end of a job by an error."""

    error: BaseException
    trace: str

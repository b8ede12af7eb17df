"""Connections that take no longer, and are no more, than a browser's.

uvicorn has a time limit for idle connections only, which the first byte of a request takes away,
and no bound on how many there are but an answer of 503 to everyone. Here a client has a few seconds
for a whole request, however it sends it, and some more to take its answer. Of too many connections
those go that were answered, the oldest first, so that whoever comes is served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

# Seconds for requests that are there already to be read, where many connect at once.
_A_MOMENT = 0.01


class Connection(H11Protocol):
    """One of a server's connections."""

    most: ClassVar[int] = 64
    """How many there may be: a browser has six at most."""
    to_ask: ClassVar[float] = 5.0
    """Seconds in which a request must have come, from the first byte to the last."""
    to_take: ClassVar[float] = 30.0
    """Seconds in which an answer must be taken: of 10 MB over a slow network."""

    _since = 0.0
    _end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request; close another connection if there are too many."""
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > self.most:
            self.loop.call_later(_A_MOMENT, self._make_room)

    def on_response_complete(self) -> None:
        """Begin to wait until the answer is taken, and for the next request.

        One that came before the answer is left: no browser sends it, and who sends thousands would
        keep all others waiting.
        """
        if self.conn.trailing_data[0]:
            self.transport.close()
        super().on_response_complete()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        super().connection_lost(exc)
        if self._end is not None:
            self._end.cancel()

    def _wait(self) -> None:
        if self._end is not None:
            self._end.cancel()
        seconds = self.to_take if self._is_answering() else self.to_ask
        self._since = self.loop.time()
        self._end = self.loop.call_later(seconds, self.transport.abort)

    def _make_room(self) -> None:
        connections: set[Any] = self.connections  # of the server; all are of this class
        while len(connections) > self.most:
            least = min(connections, key=Connection._worth)
            connections.discard(least)  # uvicorn would do it a little later
            least.transport.abort()

    def _worth(self) -> tuple[int, float]:
        """Order connections: those that were answered, that have asked nothing, that ask now.

        A browser opens another when one without a request is closed. Who takes an answer slowly
        has no better place than that, or it could keep others out.
        """
        cycle: Any = self.cycle  # None before the first request
        if cycle is None:
            return 1, self._since
        return 0 if cycle.response_complete or self._is_answering() else 2, self._since

    def _is_answering(self) -> bool:
        return self.transport.get_write_buffer_size() > 0

"""A limit on how long a download may take altogether; the one of a socket starts anew with every byte."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Timer


class Deadline:
    """Ends the connections that it is shown when their time is over, whatever is being waited for.

    Whoever reads from them meets the end of the stream, and finds ``passed`` set.
    """

    def __init__(self) -> None:
        self.passed = False
        self._connections: list[socket.socket] = []
        self._lock = Lock()

    def watch(self, connection: socket.socket) -> None:
        """End this connection, too, when the time is over, or now if it is."""
        with self._lock:
            # A copy, since the original is taken over by the encryption.
            self._connections.append(connection.dup())
            if self.passed:
                self._end()

    def pass_by(self) -> None:
        """The time is over."""
        with self._lock:
            self.passed = True
            self._end()

    def close(self) -> None:
        """Watch no longer."""
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def _end(self) -> None:
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def deadline(seconds: float) -> Iterator[Deadline]:
    """A deadline that passes after so many seconds, unless the block has ended before."""
    limit = Deadline()
    timer = Timer(seconds, limit.pass_by)
    timer.daemon = True
    timer.start()
    try:
        yield limit
    finally:
        timer.cancel()
        limit.close()

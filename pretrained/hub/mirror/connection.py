"""How is a client heard that may be slow, broken or hostile? A request's head is short, and comes within a time."""

import io
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

HEAD_SECONDS = 30.0
"""For the whole head of a request, and between two of them."""
HEAD_BYTES = 32 << 10


class Head(io.RawIOBase):
    """What a client sends, as far as a deadline and a number of bytes allow; then it seems to have ended."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._deadline = 0.0
        self._left = 0
        self.renew()

    def renew(self) -> None:
        """A new request may begin."""
        self._deadline = time.monotonic() + HEAD_SECONDS
        self._left = HEAD_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        remaining = self._deadline - time.monotonic()
        view = memoryview(buffer)[: self._left]
        if remaining <= 0 or not len(view):
            raise TimeoutError("the head of the request is too long, or too slow")
        self._connection.settimeout(remaining)
        count = self._connection.recv_into(view)
        self._left -= count
        return count

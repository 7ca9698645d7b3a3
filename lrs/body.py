"""A request's body as it comes from the wire: never more than was announced, never more than a limit."""

from typing import IO

from lrs.errors import TooLarge
from statements.errors import Fault, Invalid

_CHUNK = 1 << 20


class Body:
    """The bytes of a request, read once. `length` is what was announced, None where the body is chunked."""

    def __init__(self, stream: IO[bytes], length: int | None) -> None:
        self._stream = stream
        self._length = length
        self._read = 0

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end. Raises Invalid where the body ends before its announced length."""
        if self._length is not None:
            size = min(size, self._length - self._read)
        chunk = self._stream.read(size) if size else b""
        self._read += len(chunk)
        if size and not chunk and self._length is not None:
            raise Invalid(Fault("", "body", f"the body ended after {self._read} of {self._length} bytes"))
        return chunk

    def all(self, most: int) -> bytes:
        """Everything; raises TooLarge above `most` bytes, before reading where the length was announced."""
        if self._length is not None and self._length > most:
            raise TooLarge(f"The body has {self._length} bytes; at most {most} are taken.")
        chunks = []
        while chunk := self.read(min(_CHUNK, most + 1 - self._read)):
            chunks.append(chunk)
            if self._read > most:
                raise TooLarge(f"The body has more than {most} bytes.")
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

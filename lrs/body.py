"""A request's body as it comes from the wire: never more than was announced, never more than a limit."""

from typing import IO

from django.conf import settings
from gunicorn.http.errors import ParseException

from lrs.errors import TooLarge
from statements.errors import Fault, Invalid

_CHUNK = 1 << 20


class Body:
    """The bytes of a request, read once. `length` is what was announced, None where the body is chunked."""

    def __init__(self, stream: IO[bytes], length: int | None) -> None:
        self._stream = stream
        self._length = length
        self._read = 0
        # Whether it broke off; then nobody waits for the rest of it again.
        self.broken = False
        # What can be looked at again after it was read: as much as the quarantine keeps.
        self._seen: list[bytes] = []
        self._kept: int = settings.LRS_QUARANTINE_BODY

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end. Raises Invalid where the body breaks off or is badly framed."""
        if self.broken:
            raise Invalid(Fault("", "body", f"the body broke off after {self._read} bytes"))
        if self._length is not None:
            size = min(size, self._length - self._read)
        try:
            chunk = self._stream.read(size) if size else b""
        except (ParseException, OSError) as problem:
            self.broken = True
            raise Invalid(Fault("", "body", f"the body breaks off after {self._read} bytes: {problem}")) from None
        self._read += len(chunk)
        if self._read <= self._kept:
            self._seen.append(chunk)
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

    def seen(self) -> tuple[bytes, str]:
        """The whole body once more, also where nobody has read it yet, or none of it and why.

        One of more than LRS_QUARANTINE_BODY bytes is too long.
        """
        if self._length is not None and self._length > self._kept:
            return b"", f"The body has {self._length} bytes; up to {self._kept} are kept."
        try:
            while self._read <= self._kept and self.read(_CHUNK):
                pass
        except (Invalid, OSError) as problem:
            return b"".join(self._seen), f"The body broke off: {problem}"
        if self._read > self._kept:
            return b"", f"The body has more than the {self._kept} bytes that are kept."
        return b"".join(self._seen), ""

"""A server that does nothing but answer 200, to see how fast the load generator could be. Run as a script.

Prints its port, serves until its standard input is closed. Standard library only: it starts in no time.
"""

import selectors
import socket
import sys

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n"
    + b'["00000000-0000-0000-0000-000000000000"]'
)


def serve() -> None:
    """Answer every request whose head and body have come."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        waiting: dict[socket.socket, int] = {}
        while True:
            for key, _ in selector.select():
                if key.fileobj is sys.stdin:
                    return
                if key.fileobj is listener:
                    line, _ = listener.accept()
                    waiting[line] = 0
                    selector.register(line, selectors.EVENT_READ)
                    continue
                line = key.fileobj  # type: ignore[assignment]
                piece = line.recv(1 << 18)
                if not piece:
                    selector.unregister(line)
                    line.close()
                    continue
                missing = waiting[line] or whole(piece)
                waiting[line] = max(missing - len(piece), 0)
                if missing <= len(piece):
                    line.sendall(ANSWER)


def whole(piece: bytes) -> int:
    """The length of the request that begins here; its head is taken to have come in one piece."""
    at = piece.index(b"Content-Length: ") + 16
    return piece.index(b"\r\n\r\n") + 4 + int(piece[at : piece.index(b"\r\n", at)])


if __name__ == "__main__":
    serve()

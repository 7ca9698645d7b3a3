"""More connections than threads: who always has another request keeps no thread for itself."""

import socket
import threading
import time
from urllib.parse import urlsplit

import httpx

from tests import databases, server

REQUESTS = 2000
ASK = b"GET /xapi/about HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_somebody_with_one_request_is_answered_while_others_have_very_many(database):
    ended: list[float] = []

    def ask_on_and_on(at):
        with socket.create_connection(at) as busy:
            sending = threading.Thread(target=busy.sendall, args=(ASK * REQUESTS,))
            sending.start()
            answered = 0
            while answered < REQUESTS and (piece := busy.recv(65536)):
                answered += piece.count(b"HTTP/1.1 200")
            sending.join()
        ended.append(time.monotonic())

    with server.running(databases.place().folder / "fair.log", workers=1, threads=2) as url:
        at = urlsplit(url)
        busy = [threading.Thread(target=ask_on_and_on, args=((at.hostname, at.port),)) for _ in range(2)]
        for one in busy:
            one.start()
        time.sleep(0.2)
        assert httpx.get(f"{url}/xapi/about", timeout=60).status_code == 200
        answered = time.monotonic()
        for one in busy:
            one.join(60)
    assert len(ended) == 2
    assert answered < min(ended)

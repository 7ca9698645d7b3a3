"""More connections than threads: who always has another request, or stops half-way, keeps no thread for itself."""

import base64
import socket
import threading
import time
from contextlib import ExitStack
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


def test_who_stops_half_way_is_given_up_and_the_others_are_answered(client, credential, monkeypatch):
    key, secret = credential.credential.key, credential.secret
    basic = base64.b64encode(f"{key}:{secret}".encode()).decode()
    head = (
        "POST /xapi/statements HTTP/1.1\r\nHost: localhost\r\nX-Experience-API-Version: 1.0.3\r\n"
        f"Authorization: Basic {basic}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n["
    ).encode()
    monkeypatch.setenv("LRS_STALL_TIMEOUT", "1")
    with server.running(databases.place().folder / "stalled.log", workers=1, threads=2) as url, ExitStack() as stack:
        at = urlsplit(url)
        # In the body, and in the midst of the head.
        stalled = [stack.enter_context(socket.create_connection((at.hostname, at.port))) for _ in range(6)]
        for number, one in enumerate(stalled):
            one.sendall(head if number < 3 else head[:20])
        assert httpx.get(f"{url}/xapi/about", timeout=60).status_code == 200
        answers = [one.recv(65536) for one in stalled[:3]]
    assert all(b" 400 " in answer and b"nothing more came for 1 s" in answer for answer in answers)
    assert "Traceback" not in (databases.place().folder / "stalled.log").read_text()


def test_who_keeps_a_connection_that_is_to_be_closed_keeps_nobody_waiting(database):
    last = ASK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with server.running(databases.place().folder / "open.log", workers=1, threads=8) as url, ExitStack() as stack:
        at = urlsplit(url)
        kept = [stack.enter_context(socket.create_connection((at.hostname, at.port))) for _ in range(4)]
        for one in kept:
            one.sendall(last)
            assert one.recv(65536).startswith(b"HTTP/1.1 200")
        begun = time.monotonic()
        assert httpx.get(f"{url}/xapi/about", timeout=60).status_code == 200
        # gunicorn waits 2 s for each of them.
        assert time.monotonic() - begun < 1.5

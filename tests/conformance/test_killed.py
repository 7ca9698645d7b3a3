"""A process of the server is killed in the midst of its work: what a sender was told is stored is stored."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx
import psutil

from tests import databases, server
from tests.client import Client
from tests.conformance.examples import ids, new_id, statement

SENDERS = 4


def acknowledged(url: str, auth: tuple[str, str], stop: Event, registration: str) -> list[str]:
    """The ids of statements, sent alone and in batches, whose request was answered with 200."""
    told: list[str] = []
    amount = 1
    with Client(url, *auth) as client:
        while not stop.is_set():
            batch = [statement(context={"registration": registration}) for _ in range(amount)]
            amount = 31 - amount
            try:
                answer = client.post_statements(batch)
            except httpx.TransportError:
                # Its server was killed; what became of this batch nobody promised.
                continue
            if answer.status_code == 200:
                told += answer.json()
    return told


def test_nothing_that_was_acknowledged_is_lost_when_a_process_is_killed(credential):
    auth = (credential.credential.key, credential.secret)
    registration, stop = new_id(), Event()
    with (
        server.running(databases.place().folder / "killed.log") as url,
        Client(url, *auth) as client,
        ThreadPoolExecutor(SENDERS) as pool,
    ):
        gunicorn = max(psutil.Process().children(), key=lambda child: child.create_time())
        sending = [pool.submit(acknowledged, url, auth, stop, registration) for _ in range(SENDERS)]
        for _ in range(4):
            time.sleep(1)
            # The youngest has just begun; the oldest is in the midst of something.
            min(gunicorn.children(), key=lambda child: child.create_time()).kill()
        time.sleep(1)
        stop.set()
        told = {id for sender in sending for id in sender.result()}
        kept = set(ids(client.all_statements({"registration": registration, "limit": "0"})))
    assert told
    assert told <= kept

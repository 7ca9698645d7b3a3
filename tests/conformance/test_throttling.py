"""Wrong credentials are refused, and after a burst of them for a while not even looked at."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.client import TLS, Client

VERSION = {"X-Experience-API-Version": "1.0.3"}
BURST = 20


@pytest.fixture
def ask(lrs_url: str) -> Iterator[Callable[..., httpx.Response]]:
    """Asks for statements with a key and a secret, from an address of this machine."""
    with ExitStack() as stack:
        clients: dict[str, httpx.Client] = {}

        def get(key: str, secret: str, address: str = "127.0.0.1") -> httpx.Response:
            if address not in clients:
                transport = httpx.HTTPTransport(local_address=address, verify=TLS)
                clients[address] = stack.enter_context(httpx.Client(transport=transport, timeout=60))
            return clients[address].get(f"{lrs_url}/xapi/statements", auth=(key, secret), headers=VERSION)

        yield get


def test_wrong_credentials_are_refused(ask, credential):
    key, secret = credential.credential.key, credential.secret

    for wrong in ((key, secret + "x"), (key, ""), (key.upper(), secret), ("nobody", secret), ("", "")):
        answer = ask(*wrong)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert answer.headers["X-Experience-API-Version"] == "1.0.3"
        assert secret not in answer.text
    assert ask(key, secret).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    ["", "Basic", "Basic !", "Basic bm9jb2xvbg==", "Basic //79OnM=", "Basic YQBiOng=", "Bearer x", "Digest a=b", "é"],
)
def test_an_authorization_that_makes_no_sense_is_refused(client: Client, authorization):
    client.http.auth = httpx.Auth()

    answer = client.http.get("statements", headers={"Authorization": authorization.encode()})

    assert answer.status_code == 401
    assert answer.json()["error"]


def test_no_authorization_is_refused(client: Client):
    client.http.auth = httpx.Auth()

    assert client.get_statements().status_code == 401


def test_a_burst_of_wrong_secrets_is_answered_with_429_and_nobody_else_is_locked_out(ask, credential, client: Client):
    key = credential.credential.key
    statuses = [ask(key, f"wrong {number}").status_code for number in range(BURST + 5)]

    assert statuses == [401] * BURST + [429] * 5
    refused = ask(key, credential.secret)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert refused.json()["error"]
    assert refused.headers["X-Experience-API-Version"] == "1.0.3"
    # The same credential from elsewhere, and another one from here.
    assert ask(key, credential.secret, "127.0.0.2").status_code == 200
    assert ask("nobody", "at all").status_code == 401


def test_a_burst_for_one_key_leaves_the_others_of_its_address_alone(ask, credential, client: Client):
    nobody = f"nobody {uuid.uuid4()}"
    statuses = {ask(nobody, f"wrong {number}").status_code for number in range(BURST + 1)}

    assert statuses == {401, 429}
    assert ask(credential.credential.key, credential.secret).status_code == 200


def test_wrong_secrets_at_once_are_counted_and_answered(ask, credential):
    from concurrent.futures import ThreadPoolExecutor

    key = credential.credential.key
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: ask(key, f"wrong {number}"), range(48)))

    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {401, 429}
    # Those under way when the limit was reached are still looked at.
    assert BURST <= statuses.count(401) <= BURST + 8


def test_the_right_secret_works_again_when_the_time_is_over(ask, credential, database: str):
    from datetime import timedelta

    from django.utils import timezone

    from lrs.models import FailedLogin

    key = credential.credential.key
    for number in range(BURST + 1):
        ask(key, f"wrong {number}")
    assert ask(key, credential.secret).status_code == 429
    newest = FailedLogin.objects.latest("since")
    FailedLogin.objects.filter(pk=newest.pk).update(since=timezone.now() - timedelta(seconds=61))

    assert ask(key, credential.secret).status_code == 200


def test_a_disabled_credential_is_refused(ask, credential):
    from lrs import credentials

    credentials.disable(credential.credential.name)

    assert ask(credential.credential.key, credential.secret).status_code == 401


def test_refusing_is_quick_for_the_secrets_that_the_server_makes(ask, credential):
    begun = time.monotonic()
    for number in range(5):
        ask(credential.credential.key, f"wrong {number}")

    assert time.monotonic() - begun < 1

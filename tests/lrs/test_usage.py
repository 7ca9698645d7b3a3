"""How often a credential may be used, and when it last was."""

import base64
import json
import uuid
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from lrs import credentials, usage
from lrs.credentials import CredentialError
from lrs.errors import TooManyRequests
from lrs.models import CredentialUse
from tests.client import Client

STATEMENTS, REPORT = "/xapi/statements", "/api/v1/people"


@pytest.fixture
def ask(database):
    """Asks in this process, so that one count is all there is."""

    def asked(issued, address=STATEMENTS):
        basic = base64.b64encode(f"{issued.credential.key}:{issued.secret}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "X-Experience-API-Version": "1.0.3"}
        return Browser(SERVER_NAME="localhost").get(address, headers=headers)

    return asked


@pytest.fixture
def limited(store):
    return credentials.create(f"limited {uuid.uuid4()}", scopes=["all"], store=store.name, rate_limit=3)


@pytest.mark.parametrize("address", [STATEMENTS, REPORT])
def test_what_is_above_the_limit_is_answered_with_429_and_when_to_try_again(ask, limited, address):
    answers = [ask(limited, address) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    refused = answers[-1]
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert "may send 3 requests a minute; try again in" in refused.json()["error"]


def test_a_refusal_for_the_limit_names_the_version_and_fills_no_quarantine(ask, limited):
    from lrs.models import Refusal

    answers = [ask(limited) for _ in range(4)]
    assert answers[-1].headers["X-Experience-API-Version"] == "1.0.3"
    assert not Refusal.objects.filter(credential=limited.credential).exists()


def test_xapi_and_reports_are_counted_together(ask, limited):
    assert [ask(limited, address).status_code for address in (STATEMENTS, REPORT, STATEMENTS, REPORT)][-1] == 429


def test_nobody_else_is_held_up(ask, limited, credential):
    for _ in range(4):
        ask(limited)
    assert [ask(credential).status_code for _ in range(5)] == [200] * 5


def test_the_next_minute_begins_anew():
    now = [1000.0]
    limits = usage._Limits(clock=lambda: now[0])
    for _ in range(3):
        limits.count(1, "Udemy", 3)
    now[0] += 20
    with pytest.raises(TooManyRequests) as refused:
        limits.count(1, "Udemy", 3)
    assert refused.value.retry_after == 40
    now[0] += 40
    limits.count(1, "Udemy", 3)


def test_a_limit_costs_a_request_no_query(remembering, ask, limited, credential):
    for issued in (limited, credential):
        ask(issued)
    queries = []
    for issued in (limited, credential):
        with CaptureQueriesContext(connection) as asked:
            assert ask(issued).status_code == 200
        queries.append([query["sql"].split(" WHERE ")[0] for query in asked])
    assert queries[0] == queries[1]
    assert not [sql for sql in queries[0] if "lrs_" in sql]


def test_a_real_server_holds_a_sender_back(lrs_url, store):
    issued = credentials.create(f"limited {uuid.uuid4()}", scopes=["all"], store=store.name, rate_limit=2)
    with Client(lrs_url, issued.credential.key, issued.secret) as client:
        statuses = [client.get_statements().status_code for _ in range(12)]
    # At least what one process takes, at most what both do.
    assert statuses.count(200) in (2, 3, 4)
    assert set(statuses) == {200, 429}


def test_when_a_credential_was_last_used_is_written_once_a_minute(ask, credential):
    pk = credential.credential.pk
    begun = timezone.now()
    ask(credential)
    usage.flush()
    first = usage.last_uses([pk])[pk]
    assert begun <= first <= timezone.now()
    CredentialUse.objects.filter(pk=pk).update(last=begun - timedelta(days=1))
    ask(credential)
    usage.flush()
    # Less than a minute later nothing is written.
    assert usage.last_uses([pk])[pk] == begun - timedelta(days=1)


def test_the_list_of_credentials_tells_limits_and_last_uses(ask, limited, credential):
    ask(limited)
    usage.flush()
    output = StringIO()
    call_command("credential", "list", "--json", stdout=output)
    listed = {each["name"]: each for each in json.loads(output.getvalue())}
    used = listed[limited.credential.name]
    assert (used["rate_limit"], used["last_used"][:10]) == (3, timezone.now().date().isoformat())
    assert (listed[credential.credential.name]["rate_limit"], listed[credential.credential.name]["last_used"]) == (
        0,
        None,
    )
    people = StringIO()
    call_command("credential", "list", stdout=people)
    assert "rate limit       3" in people.getvalue()


def test_a_limit_is_given_changed_and_taken_away_by_commands(store):
    name = f"limited {uuid.uuid4()}"
    output = StringIO()
    call_command("credential", "create", name, "--store", store.name, "--rate-limit", "60", "--json", stdout=output)
    assert json.loads(output.getvalue())["rate_limit"] == 60
    assert credentials.change(name, mode="report").rate_limit == 60
    call_command("credential", "change", name, "--rate-limit", "0", stdout=StringIO())
    assert credentials.named(name).rate_limit == 0
    with pytest.raises(CommandError, match="requests a minute"):
        call_command("credential", "change", name, "--rate-limit", "-1")
    with pytest.raises(CredentialError):
        credentials.create(name, rate_limit=2_000_000)

"""Sessions to test with, on connections to stand-ins, and what is to be known of their statements."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.lrs.connectors.archive import statements

START = datetime(2026, 1, 12, 10, 0, tzinfo=UTC)
END = datetime(2026, 1, 12, 11, 0, tzinfo=UTC)
OLENA, PETRO = "olena.koval@example.com", "petro.bondar@example.com"
PROFILE = "https://w3id.org/xapi/virtual-classroom"
TYPE = "https://w3id.org/xapi/virtual-classroom/activity-types/virtual-classroom"
SESSION = "https://w3id.org/xapi/cmi5/context/extensions/sessionid"


@pytest.fixture
def zoom_side(settings) -> Iterator:
    """Zoom's side, which may be reached."""
    from tests.standins import zoom

    settings.LRS_OUTBOUND_ALLOW = ["127.0.0.1"]
    with zoom.running() as side:
        yield side


@pytest.fixture
def zoom(connect, zoom_side):
    """A connection to Zoom's stand-in."""
    return connect(
        "zoom",
        account_id=zoom_side.account,
        client_id=zoom_side.client,
        client_secret=zoom_side.secret,
        secret_token="whsec_example_secret_token",
        home_page="https://lms.example.org",
        api_url=f"{zoom_side.url}/v2",
        token_url=f"{zoom_side.url}/oauth/token",
    )


@pytest.fixture
def bbb_side(settings) -> Iterator:
    """BigBlueButton's side, which may be reached."""
    from tests.standins import bigbluebutton

    settings.LRS_OUTBOUND_ALLOW = ["127.0.0.1"]
    with bigbluebutton.running() as side:
        yield side


@pytest.fixture
def bbb(connect, bbb_side):
    """A connection to BigBlueButton's stand-in."""
    return connect(
        "bigbluebutton",
        server=f"{bbb_side.url}/bigbluebutton/",
        secret=bbb_side.secret,
        home_page="https://lms.example.org",
    )


def planned(connection, meeting="85746065", start=START, end=END, roster=(OLENA, PETRO), **more):
    """A session, with these addresses on its roster."""
    from lrs.connectors.webinars import sessions
    from lrs.connectors.webinars.attendance import Plan
    from lrs.connectors.webinars.matching import Identity

    plan = Plan(title="Охорона праці", start=start, end=end, **more)
    session = sessions.plan(connection, meeting, plan, now=start - timedelta(days=2))
    sessions.enrol(session, [one if isinstance(one, Identity) else Identity("", one, "") for one in roster])
    return session


def run(connection, at):
    """Let the worker look at the sessions of the connection at this time."""
    from lrs.connectors.models import Budget
    from lrs.connectors.webinars import sync

    # The clock is the test's: what was spent of a second's budget was spent long ago.
    Budget.objects.filter(connection=connection).update(calls=[])
    return sync.run(connection, at)


def told(connection, *, voided=False):
    """(verb, who) of every statement about people, sorted."""
    found = []
    for one in statements(connection, voided=voided):
        verb = one["verb"]["id"].rpartition("/")[2]
        if verb in ("initialized", "terminated", "voided"):
            continue
        actor = one["actor"]
        found.append((verb, actor.get("mbox", "").removeprefix("mailto:") or actor["account"]["name"]))
    return sorted(found)


def said(connection, verb, who):
    """The one statement of somebody."""
    [found] = [
        one for one in statements(connection) if one["verb"]["id"].endswith(f"/{verb}") and who in str(one["actor"])
    ]
    return found


def follows_the_profile(statement):
    """The rules of the Virtual Classroom profile, and xAPI's own for what this project adds to it."""
    assert statement["object"]["definition"]["type"] == TYPE
    assert PROFILE in [one["id"] for one in statement["context"]["contextActivities"]["category"]]
    UUID(statement["context"]["registration"])
    UUID(statement["context"]["extensions"][SESSION])
    if statement["verb"]["id"].endswith("/terminated"):
        assert statement["result"]["duration"].startswith("PT")
    return True

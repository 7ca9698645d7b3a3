"""Statements to look at: a platform's and Udemy's, with progress and counts as the worker makes them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from lrs.bench.workload import Workload

if TYPE_CHECKING:
    from lrs.models import Credential

COURSE = "https://www.udemy.com/course/533682"
ANN = "mailto:ann@example.com"


def statement(
    mail: str = ANN,
    verb: str = "progressed",
    thing: str = COURSE,
    *,
    percent: int | None = 25,
    days_ago: float = 0,
    **more: Any,
) -> dict[str, Any]:
    """A statement such as Udemy Business sends: somebody is so far in a course."""
    said: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "actor": {"objectType": "Agent", "mbox": mail},
        "verb": {"id": f"http://adlnet.gov/expapi/verbs/{verb}", "display": {"en-US": verb}},
        "object": {
            "objectType": "Activity",
            "id": thing,
            "definition": {
                "type": "http://adlnet.gov/expapi/activities/course",
                "name": {"en-US": "Data protection: the complete course"},
            },
        },
        "timestamp": (datetime.now(UTC) - timedelta(days=days_ago)).isoformat(),
    }
    if percent is not None:
        said["result"] = {"completion": percent == 100, "score": {"scaled": percent / 100}}
    return {**said, **more}


def send(credential: Credential, statements: list[dict[str, Any]]) -> None:
    """Take statements in as the service does, and let progress and counts follow."""
    from lrs import auth
    from statements import glance, progress
    from statements.ingest import Source, ingest
    from statements.xapi.text import Given
    from statements.xapi.versions import Version

    caller = auth.caller_of(credential)
    given = [Given(orjson.dumps(one), one, f"/{number}") for number, one in enumerate(statements)]
    source = Source(caller.tenant, caller.credential, caller.authority, caller.practice)
    ingest(given, source=source, version=Version.V1)
    progress.follow(caller.tenant.store)
    glance.follow(caller.tenant.store)


def many(run: str, amount: int) -> list[dict[str, Any]]:
    """So many different statements of a learning platform, of the last days."""
    made = Workload(run, 7)
    now = datetime.now(UTC)
    return [
        {**made.statement(number), "timestamp": (now - timedelta(hours=number % 200)).isoformat()}
        for number in range(amount)
    ]

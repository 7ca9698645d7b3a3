"""What the tests of connectors look at: deliveries put in by hand, and the statements that came of them."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid5

from django.utils import timezone


def deliver(connection: Any, body: Any) -> None:
    """Keep a delivery, as the door does after it has let the sender in."""
    from lrs.connectors import inbox
    from lrs.connectors.contract import Request

    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    inbox.keep(connection, Request({"content-type": "application/json"}, "", text, timezone.now()))


def work_off() -> int:
    """Work the inbox off."""
    from lrs.connectors import worker

    return worker.work_off(timezone.now())


def statements(connection: Any, *, voided: bool = False) -> list[dict[str, Any]]:
    """The statements of the connection's store in the order of storing, without what the store adds."""
    from statements.models import Statement

    rows = Statement.objects.filter(store=connection.store_id, voided=voided).order_by("stored")
    return [{key: value for key, value in json.loads(row.text).items() if key != "authority"} for row in rows]


def events(connection: Any) -> list[Any]:
    """The inbox of the connection, in order."""
    from lrs.connectors.models import InboxEvent

    return list(InboxEvent.objects.filter(connection=connection).order_by("id"))


def expected(connection: Any, name: str, event: Mapping[str, Any], account: Any, public_url: str) -> dict[str, Any]:
    """The expected statement of an event of this name, for this connection: its ids are made here."""
    from tests.lrs.connectors.conftest import PAYLOADS

    text = (PAYLOADS / f"alm/expected/{name}.json").read_text()
    statement: dict[str, Any] = json.loads(text.replace("https://lrs.example.org", public_url))
    data = event["data"]
    instance = str(data["loInstanceId"]).replace("learning_program:", "learningProgram:")
    statement["id"] = str(uuid5(connection.pk, f"{account}\n{event['eventName']}\n{event['eventId']}"))
    statement["context"]["registration"] = str(uuid5(connection.pk, f"{instance}_{data['userId']}"))
    return statement

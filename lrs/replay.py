"""A refused request once more, through the same door and as the same credential, after something was mended."""

from io import BytesIO
from typing import Any

import orjson
from django.db import transaction
from django.http import HttpResponse
from django.urls import resolve
from django.utils import timezone

from lrs import auth, problems, quarantine
from lrs.body import Body
from lrs.errors import ServiceError
from lrs.http import Call, Resource, negotiate
from lrs.models import Refusal
from lrs.quarantine import QuarantineError
from statements.errors import StatementError
from statements.ingest import Replay

# The task that replays many, as lrs.background knows it.
TASK = "replay refusals"
_LONGEST_RESULT = 100_000
_STATEMENTS = "/xapi/statements"


def replay(refusal: Refusal) -> Refusal:
    """Carry out a refused request with its edited body or its own; the refusal with its new state and `result`.

    `result` has the time, the status, and what the answer said: the statements' ids, or the errors. What was kept
    already is success, so that a second replay after a crash does no harm. Raises QuarantineError where there is
    nothing to replay.
    """
    try:
        with transaction.atomic():
            # Locked, so that two who replay it at once do it one after the other.
            locked = Refusal.objects.select_for_update().get(pk=refusal.pk)
            if locked.state == Refusal.State.REPLAYED:
                raise QuarantineError(f"The refused request {refusal.pk} was replayed already.")
            status, said = _carry_out(locked)
            refusal.state = Refusal.State.REPLAYED
            refusal.result = {"at": timezone.now().isoformat(), "status": status, "answer": said}
            refusal.save(update_fields=["state", "result"])
    except (StatementError, ServiceError) as problem:
        refusal.state = Refusal.State.OPEN
        refusal.result = {
            "at": timezone.now().isoformat(),
            "status": problems.status(problem),
            "error": str(problem),
            "errors": quarantine.errors(problems.faults(problem)),
        }
        refusal.save(update_fields=["state", "result"])
    return refusal


def _carry_out(refusal: Refusal) -> tuple[int, Any]:
    resource, captured = _resource(refusal.path)
    if refusal.note and refusal.edited is None:
        raise QuarantineError(f"Its body was not kept: {refusal.note} Edit it to say what to send.")
    body = bytes(refusal.body if refusal.edited is None else refusal.edited)
    # Made anew, so that a repair or a default version that was switched on meanwhile counts.
    caller = auth.caller_of(refusal.credential)
    headers = {name: value for name, value in refusal.headers.items() if name != "transfer-encoding"}
    version, repaired = negotiate(caller, headers)
    call = Call(
        method=refusal.method,
        version=version,
        caller=caller,
        query={**refusal.query, **captured},
        headers={**headers, "content-length": str(len(body))},
        body=Body(BytesIO(body), len(body)),
        replay=Replay(refusal.received, refusal.pk),
        repaired=repaired,
    )
    response = resource.carry_out(call)
    content = response.content if isinstance(response, HttpResponse) else b""
    return response.status_code, orjson.loads(content) if 0 < len(content) < _LONGEST_RESULT else None


def _resource(path: str) -> tuple[Resource, dict[str, str]]:
    """The resource that is meant by an address, and what the address says to it.

    An address that was pasted with a slash at its end, or wrongly altogether, means what most senders send.
    """
    for meant in (path, path.rstrip("/"), _STATEMENTS):
        found = resolve(meant)
        if isinstance(found.func, Resource):
            return found.func, found.kwargs
    raise QuarantineError(f"There is no resource at {path} to replay it at.")

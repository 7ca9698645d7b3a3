"""What was refused, in the query API: the reasons, one request with its body, and what is done about them.

Whoever may read reports may look, in the administration whoever may look at the quarantine there. To act takes the
scope `all`, or in the administration the permission that the same button takes, with its form token (X-CSRFToken).
"""

import base64
from collections.abc import Mapping
from typing import Any

from django.db import models
from django.http import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from lrs import credentials, parameters, quarantine, replay, tasks
from lrs.api import access, door
from lrs.credentials import CredentialError
from lrs.errors import NotFound
from lrs.models import Refusal, RefusalKind, Scope
from lrs.parameters import Check
from lrs.quarantine import QuarantineError
from statements import journal
from statements.errors import Fault, Invalid

_WHOM = "those who look after the quarantine"
_LONGEST = 500


class Quarantined(door.Door):
    """What the addresses of the quarantine have in common: who may look, and who may act."""

    # They are no reports: what they answer has no columns.
    schema = None

    def known(self, request: Request, more: Mapping[str, Check] | None = None) -> dict[str, Any]:
        """The parameters. Raises Invalid."""
        return self.all_asked(request.query_params, {**door.ONE_STORE, **(more or {})})

    def store(self, request: Request, asked: Mapping[str, Any]) -> int | None:
        """The store that is meant; None for an administrator who names none. Raises NotFound, Forbidden."""
        reader = access.reader_of(request)
        if reader.store is None:
            access.permitted(request, "lrs.view_refusal", _WHOM)
        return access.narrowed(reader, asked.get("store"))

    def acting(self, request: Request, permission: str) -> str:
        """Who acts, for the audit log. Raises Forbidden."""
        return access.acting(request, Scope.ALL, permission, _WHOM)

    def refusal(self, request: Request, number: int) -> Refusal:
        """The refused request of the address. Raises NotFound."""
        try:
            return quarantine.get(number, store=self.store(request, self.known(request)))
        except (QuarantineError, OverflowError) as problem:
            raise NotFound(str(problem)) from None

    def kind(self, request: Request, number: int) -> RefusalKind:
        """The reason of the address. Raises NotFound."""
        found = quarantine.kinds(store=self.store(request, self.known(request))).filter(pk=number).first()
        if found is None:
            raise NotFound(f"There is no kind of refusal {number}.")
        return found


class Kinds(Quarantined):
    """Why requests were refused, the newest first; those that follow by `before`, the last one's number."""

    def get(self, request: Request) -> HttpResponseBase:
        """A page of them."""
        asked = self.known(request, {"before": parameters.count, "limit": parameters.count})
        found = quarantine.kinds(store=self.store(request, asked)).order_by("-last", "-pk")
        limit = min(asked.get("limit") or door.PAGE, door.MOST)
        if "before" in asked:
            row = found.filter(pk=asked["before"]).first()
            if row is None:
                raise Invalid(Fault("?before", "before", "there is no kind of refusal with this number"))
            earlier = models.Q(last__lt=row.last) | models.Q(last=row.last, pk__lt=row.pk)
            found = found.filter(earlier)
        rows = list(found[: limit + 1])
        following = rows[limit - 1].pk if len(rows) > limit else None
        left = quarantine.open_by_kind([row.pk for row in rows])
        kinds = [_kind(row, left.get(row.pk, 0)) for row in rows[:limit]]
        return Response({"results": kinds, "before": following})


class One(Quarantined):
    """A refused request with its body, its errors and the result of its replay."""

    def get(self, request: Request, number: int) -> HttpResponseBase:
        """All of it."""
        return Response(_whole(self.refusal(request, number)))


class _Act(Quarantined):
    what = ""

    def post(self, request: Request, number: int) -> HttpResponseBase:
        """Do it; the request as it is afterwards."""
        body = door.body_of(request)
        by = self.acting(request, "lrs.change_refusal")
        row = self.refusal(request, number)
        before = journal.of(row)
        try:
            row = self.done(row, body)
        except QuarantineError as problem:
            raise Invalid(Fault("", "quarantine", str(problem))) from None
        journal.note(self.what, journal.thing(row), by=by, before=before, after=journal.of(row))
        return Response(_whole(row))

    def done(self, row: Refusal, body: bytes) -> Refusal:
        """The request afterwards. Raises QuarantineError."""
        raise NotImplementedError


class ReplayOne(_Act):
    """Send it once more; `state` and `result` say what became of it."""

    what = "replay"

    def done(self, row: Refusal, body: bytes) -> Refusal:
        return replay.replay(row)


class DismissOne(_Act):
    """Nothing is to be done about it."""

    what = "dismiss"

    def done(self, row: Refusal, body: bytes) -> Refusal:
        return quarantine.dismiss(row)


class ReopenOne(_Act):
    """Something is to be done about it after all."""

    what = "reopen"

    def done(self, row: Refusal, body: bytes) -> Refusal:
        return quarantine.reopen(row)


class EditOne(_Act):
    """Let a replay send the body of this request, byte by byte; an empty one for the original again."""

    what = "edit"

    def done(self, row: Refusal, body: bytes) -> Refusal:
        return quarantine.edit(row, body or None)


class ReplayKind(Quarantined):
    """Send all open requests of a kind once more, in the background; the number of the task."""

    def post(self, request: Request, number: int) -> HttpResponseBase:
        """Begin it."""
        by = self.acting(request, "lrs.change_refusalkind")
        row = self.kind(request, number)
        title = f"Replay what was refused: {row.sentence[:80]}"
        task = tasks.start(replay.TASK, title, {"kind": row.pk}, by=by)
        journal.note(replay.TASK, journal.thing(row), by=by, after={"task": task.pk, "kind": row.pk})
        return Response({"task": task.pk}, status=202)


class _ActOnKind(Quarantined):
    what = ""
    # What is noted of how many requests it was done to.
    counted = ""

    def post(self, request: Request, number: int) -> HttpResponseBase:
        """Do it; the kind as it is afterwards."""
        by = self.acting(request, "lrs.change_refusalkind")
        row = self.kind(request, number)
        before = journal.of(row)
        amount = self.done(row)
        row.refresh_from_db()
        journal.note(
            self.what, journal.thing(row), by=by, before=before, after={**journal.of(row), self.counted: amount}
        )
        return Response(_kind(row, quarantine.open_by_kind([row.pk]).get(row.pk, 0)))

    def done(self, row: RefusalKind) -> int:
        """To how many requests."""
        raise NotImplementedError


class DismissKind(_ActOnKind):
    """Nothing is to be done about all of a kind."""

    what, counted = "dismiss", "dismissed requests"

    def done(self, row: RefusalKind) -> int:
        return quarantine.dismiss_kind(row)


class ReopenKind(_ActOnKind):
    """Something is to be done about all that was dismissed of a kind, after all."""

    what, counted = "reopen", "opened requests"

    def done(self, row: RefusalKind) -> int:
        return quarantine.reopen_kind(row)


class RepairKind(Quarantined):
    """Switch a repair on for the credential that was refused: `repair`, and `base` where it needs one."""

    def post(self, request: Request, number: int) -> HttpResponseBase:
        """Do it; the kind as it is afterwards, with all repairs that are on."""
        given = door.object_of(request)
        by = self.acting(request, "lrs.change_refusalkind")
        row = self.kind(request, number)
        before = journal.of(row.credential)
        repair, base = (_text_of(given, name) for name in ("repair", "base"))
        try:
            row.credential = credentials.switch_on(row.credential.key, repair, base)
        except CredentialError as problem:
            raise Invalid(Fault("/repair", "repair", str(problem))) from None
        journal.note("repair", journal.thing(row.credential), by=by, before=before, after=journal.of(row.credential))
        return Response(_kind(row, quarantine.open_by_kind([row.pk]).get(row.pk, 0)))


def _text_of(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name, "")
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise Invalid(Fault(f"/{name}", "text", f"must be text of at most {_LONGEST} characters"))
    return value


def _kind(row: RefusalKind, left: int) -> dict[str, Any]:
    return {
        "number": row.pk,
        "reason": row.fingerprint,
        "source": row.credential.name,
        "what": row.what.splitlines(),
        "sentence": row.sentence,
        "status": row.status,
        "count": row.count,
        "open": left,
        "first": row.first,
        "last": row.last,
        "dismissed": row.dismissed,
        "repairs": row.credential.repairs,
    }


def _whole(row: Refusal) -> dict[str, Any]:
    return {
        "number": row.pk,
        "kind": row.kind_id,
        "reason": row.kind.fingerprint,
        "source": row.credential.name,
        "first": row.received,
        **{name: getattr(row, name) for name in ("last", "times", "method", "path", "query", "headers")},
        "body": _text(row.body),
        "edited": None if row.edited is None else _text(row.edited),
        **{name: getattr(row, name) for name in ("note", "status", "sentence", "errors", "state", "result")},
    }


def _text(body: Any) -> dict[str, str]:
    """A body as text, or as base64 where it is none."""
    try:
        return {"text": bytes(body).decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(bytes(body)).decode()}

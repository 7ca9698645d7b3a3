"""The statements resource: take in, give out, page (xAPI 1.0.3 Communication 2.1, IEEE 9274.1.1 4.1.6.1)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import orjson
from django.conf import settings
from django.core import signing
from django.db import DatabaseError
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import http_date

from lrs import multipart, parameters, shapes
from lrs.auth import NOBODY, Caller
from lrs.errors import NotFound
from lrs.http import Call, resource
from lrs.models import Scope
from statements import attachments as contents
from statements import query
from statements.errors import Fault, Invalid
from statements.ingest import Source, ingest
from statements.profiles.repairs import OTHER_PARAMETER, OTHER_TYPE
from statements.query import Kept, Page, Place, Query
from statements.xapi import actors, formats, text
from statements.xapi.attachments import Part, wanted
from statements.xapi.roles import Role
from statements.xapi.text import Given

CONSISTENT_THROUGH = "X-Experience-API-Consistent-Through"

_ONE = {
    "statementId": parameters.uuid,
    "voidedStatementId": parameters.uuid,
}
_SHOWN = {
    "format": parameters.one_of("ids", "exact", "canonical"),
    "attachments": parameters.boolean,
}
_FILTERS = {
    "agent": parameters.agent,
    "verb": parameters.iri,
    "activity": parameters.iri,
    "registration": parameters.uuid,
    "related_activities": parameters.boolean,
    "related_agents": parameters.boolean,
    "since": parameters.moment,
    "until": parameters.moment,
    "limit": parameters.count,
    "ascending": parameters.boolean,
}


@dataclass(frozen=True, slots=True)
class Shown:
    """How statements are to be given back."""

    format: str
    attachments: bool
    languages: Sequence[str]


# --- taking in


def post(call: Call) -> HttpResponse:
    """Keep one statement or a list of them; their ids."""
    call.caller.require(Scope.STATEMENTS_WRITE)
    call = _without_others(call, ())
    parameters.read(call.query, {}, call.version)
    return _answer(orjson.dumps(_take(call)))


def put(call: Call) -> HttpResponse:
    """Keep the statement under the id of the address."""
    call.caller.require(Scope.STATEMENTS_WRITE)
    call = _without_others(call, ("statementId",))
    id = parameters.read(call.query, {"statementId": parameters.uuid}, call.version, ("statementId",))["statementId"]
    _take(call, id)
    return HttpResponse(status=204)


def _without_others(call: Call, known: Collection[str]) -> Call:
    """The call without parameters that nobody knows, where the repair for it is on."""
    query = {name: value for name, value in call.query.items() if name in known}
    if len(query) == len(call.query) or not call.caller.mends(OTHER_PARAMETER):
        return call
    return replace(call, query=query, repaired=(*call.repaired, OTHER_PARAMETER.mark))


def _take(call: Call, id: str | None = None) -> list[str]:
    content_type = call.header("content-type") or ""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in ("application/json", "multipart/mixed") and call.caller.mends(OTHER_TYPE):
        call = replace(call, repaired=(*call.repaired, OTHER_TYPE.mark))
        kind = "application/json"
    if kind == "application/json":
        return _keep(call, _cut(call.content(), id))
    if kind == "multipart/mixed":
        with multipart.receive(call.body, content_type, _limits(), settings.FILE_UPLOAD_TEMP_DIR) as received:
            return _keep(call, _cut(received.statements, id), received.parts)
    problem = f"statements come as application/json or multipart/mixed, not as {content_type[:100] or 'nothing named'}"
    raise Invalid(Fault("Content-Type", "content-type", problem))


def _keep(call: Call, given: Sequence[Given], parts: Sequence[Part] = ()) -> list[str]:
    caller = call.caller
    # A replay sends what was noted when it first came, or what an administrator has written.
    if caller.shapes and call.replay is None:
        shapes.note(caller, given)
    source = Source(caller.tenant, caller.credential, caller.authority, caller.practice)
    return ingest(given, source=source, version=call.version, parts=parts, replay=call.replay, around=call.repaired)


def _cut(body: bytes, id: str | None) -> Sequence[Given]:
    given = text.cut(body, nesting=settings.LRS_MAX_NESTING, most=settings.LRS_MAX_BATCH)
    if id is None:
        return given
    if len(given) != 1 or given[0].at:
        raise Invalid(Fault("", "single", "PUT takes one statement, not a list"))
    return [_under(given[0], id)]


def _under(given: Given, id: str) -> Given:
    """The statement with the id of the address, where it has none itself."""
    if not isinstance(given.value, dict):
        return given
    own = given.value.get("id")
    if own is None:
        return Given(text.add(given.raw, b'"id":"%b"' % id.encode()), {**given.value, "id": id}, given.at)
    if str(own).lower() != id:
        raise Invalid(Fault("/id", "statement-id", f"the statement's id differs from the statementId {id}"))
    return given


def _limits() -> multipart.Limits:
    return multipart.Limits(
        body=settings.LRS_MAX_BODY + settings.LRS_MAX_ATTACHMENT,
        statements=settings.LRS_MAX_BODY,
        attachment=settings.LRS_MAX_ATTACHMENT,
        attachments=settings.LRS_MAX_BATCH,
    )


# --- giving out


def get(call: Call) -> HttpResponseBase:
    """One statement by its id, or a page of those that the parameters describe."""
    call.caller.require(Scope.STATEMENTS_READ, Scope.STATEMENTS_READ_MINE)
    given = parameters.read(call.query, _ONE | _SHOWN | _FILTERS, call.version)
    shown = Shown(
        format=given.get("format", "exact"),
        attachments=given.get("attachments", False),
        languages=formats.languages(call.header("accept-language") or ""),
    )
    if "statementId" in given or "voidedStatementId" in given:
        return _single(call.caller, given, shown)
    return _several(_query(call.caller, given), shown)


def _single(caller: Caller, given: Mapping[str, Any], shown: Shown) -> HttpResponseBase:
    excess = [name for name in given if name not in _SHOWN]
    if len(excess) > 1:
        problem = f"{', '.join(excess)}: an id stands alone; only format and attachments may come with it"
        raise Invalid(*[Fault(f"?{name}", "single", problem) for name in excess])
    voided = "voidedStatementId" in given
    id = given["voidedStatementId" if voided else "statementId"]
    kept = query.one(caller.tenant, id, voided=voided, credential=_mine(caller))
    if kept is None:
        raise NotFound(f"There is no {'voided ' if voided else ''}statement with the id {id}.")
    (body,) = _texts(caller.tenant.store, [kept], shown)
    response = _with_attachments(caller.tenant.store, body, [kept], shown)
    response.headers["Last-Modified"] = http_date(kept.stored.timestamp())
    return response


def _query(caller: Caller, given: Mapping[str, Any]) -> Query:
    store = caller.tenant.store
    limit = given.get("limit", settings.LRS_PAGE_DEFAULT)
    return Query(
        store=store,
        conditions=tuple(_conditions(store, given)),
        since=given.get("since"),
        until=given.get("until"),
        ascending=given.get("ascending", False),
        # Zero stands for as many as the server gives (xAPI 1.0.3 Communication 2.1.3).
        limit=min(limit or settings.LRS_PAGE_MAX, settings.LRS_PAGE_MAX),
        credential=_mine(caller),
        seconds=settings.LRS_QUERY_TIMEOUT,
    )


def _conditions(store: int, given: Mapping[str, Any]) -> Iterable[query.Condition]:
    if "agent" in given:
        identifier = actors.identifier(given["agent"])
        if identifier is None:
            raise Invalid(Fault("?agent", "identifier", "an anonymous Group cannot be asked for; name an identifier"))
        yield query.agent(store, identifier, related=given.get("related_agents", False))
    if "activity" in given:
        yield query.activity(store, given["activity"], related=given.get("related_activities", False))
    if "verb" in given:
        yield query.verb(store, given["verb"])
    if "registration" in given:
        yield query.registration(store, given["registration"])


def _mine(caller: Caller) -> int | None:
    return None if caller.may(Scope.STATEMENTS_READ) else caller.credential


def _several(wanted_page: Query, shown: Shown) -> HttpResponseBase:
    page = query.page(wanted_page)
    body = b'{"statements":[%b],"more":"%b"}' % (
        b",".join(_texts(wanted_page.store, page.statements, shown)),
        _more(page, wanted_page, shown).encode(),
    )
    return _with_attachments(wanted_page.store, body, page.statements, shown)


def _texts(store: int, kept: Sequence[Kept], shown: Shown) -> list[bytes]:
    exact = [formats.exact(one.text.encode(), one.stored, one.timestamp_given) for one in kept]
    if shown.format == "ids":
        return list(map(formats.ids, exact))
    if shown.format == "canonical":
        found = list(map(formats.Canonical, exact))
        definitions = query.definitions(store, {iri for one in found for iri in one.activities})
        displays = query.displays(store, {iri for one in found for iri in one.verbs})
        return [one.text(definitions, shown.languages, displays) for one in found]
    return exact


def _with_attachments(store: int, body: bytes, kept: Sequence[Kept], shown: Shown) -> HttpResponseBase:
    if not shown.attachments:
        return _answer(body)
    named = {
        each.sha2: each.content_type
        for one in kept
        if one.attachments
        for each in wanted(text.read(one.text.encode()), "")
    }
    found = contents.find(store, named)
    answer = multipart.answer(
        body,
        [
            multipart.Outgoing(sha2, named[sha2], partial(contents.open_data, attachment))
            for sha2, attachment in found.items()
        ],
    )
    return StreamingHttpResponse(answer.chunks, content_type=answer.content_type)


def _answer(body: bytes) -> HttpResponse:
    response = HttpResponse(body, content_type="application/json")
    response.headers["Content-Length"] = str(len(body))
    return response


# --- more


def _more(page: Page, wanted_page: Query, shown: Shown) -> str:
    """The address of the next page: what was asked and the place to go on, signed; empty on the last page."""
    if page.after is None:
        return ""
    asked = {
        "store": wanted_page.store,
        "credential": wanted_page.credential,
        "conditions": [[key, list(roles)] for key, roles in wanted_page.conditions],
        "since": wanted_page.since and wanted_page.since.isoformat(),
        "until": wanted_page.until and wanted_page.until.isoformat(),
        "ascending": wanted_page.ascending,
        "limit": wanted_page.limit,
        "after": [page.after.stored.isoformat(), page.after.key],
        "format": shown.format,
        "attachments": shown.attachments,
        "languages": list(shown.languages),
    }
    return f"/xapi/statements/more/{signing.dumps(asked, salt=__name__, compress=True)}"


def follow(call: Call) -> HttpResponseBase:
    """The next page, as a `more` address describes it."""
    call.caller.require(Scope.STATEMENTS_READ, Scope.STATEMENTS_READ_MINE)
    wanted_page, shown = _asked(call.query["token"])
    if wanted_page.store != call.caller.tenant.store or wanted_page.credential != _mine(call.caller):
        raise NotFound("This page was made for another credential.")
    return _several(wanted_page, shown)


def _asked(token: str) -> tuple[Query, Shown]:
    try:
        asked = signing.loads(token, salt=__name__)
    except signing.BadSignature:
        raise NotFound("This address of a next page is damaged; ask for the first page again.") from None
    stored, key = asked["after"]
    return (
        Query(
            store=asked["store"],
            conditions=tuple(
                query.Condition(mentioned, tuple(Role(role) for role in roles))
                for mentioned, roles in asked["conditions"]
            ),
            since=asked["since"] and datetime.fromisoformat(asked["since"]),
            until=asked["until"] and datetime.fromisoformat(asked["until"]),
            ascending=asked["ascending"],
            limit=asked["limit"],
            after=Place(datetime.fromisoformat(stored), key),
            credential=asked["credential"],
            seconds=settings.LRS_QUERY_TIMEOUT,
        ),
        Shown(asked["format"], asked["attachments"], asked["languages"]),
    )


def _consistent_through(call: Call | None) -> dict[str, str]:
    # On every answer of this resource (xAPI 1.0.3 Communication 2.1.3).
    try:
        if call is None:
            through = query.recently(NOBODY.tenant.store)
        elif call.method in ("GET", "HEAD"):
            # Asked before the statements are: what is written meanwhile is later than this.
            through = query.through(call.caller.tenant.store)
        else:
            through = query.recently(call.caller.tenant.store)
    except DatabaseError:
        if call is None:
            # The request is refused already, for another reason.
            return {}
        raise
    return {CONSISTENT_THROUGH: through.isoformat(timespec="microseconds").replace("+00:00", "Z")}


view = resource({"GET": get, "PUT": put, "POST": post}, _consistent_through)
more = resource({"GET": follow}, _consistent_through)

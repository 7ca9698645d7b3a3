"""What the State, Activity Profile and Agent Profile resources have in common (xAPI 1.0.3 Communication 2.2)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import orjson
from django.http import HttpResponse, HttpResponseBase

from lrs import parameters
from lrs.documents import store
from lrs.documents.concurrency import Conditions
from lrs.documents.context import Context, Kind
from lrs.documents.store import Content
from lrs.errors import NotFound
from lrs.http import Call, resource
from lrs.models import Scope
from lrs.parameters import Check
from lrs.resources import answers
from statements.errors import Fault, Invalid
from statements.xapi import actors
from statements.xapi.versions import Version

_UNNAMED = "application/octet-stream"


class Asked(NamedTuple):
    """Which documents a request is about; `id` is None where it is about all of the context."""

    context: Context
    id: str | None
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Documents:
    """One of the resources: whose documents they are, and the parameters that say so.

    `id` is the parameter with a document's name; `clears`: whether DELETE without it deletes all of a context.
    """

    kind: Kind
    scope: Scope
    id: str
    required: Mapping[str, Check]
    optional: Mapping[str, Check] = field(default_factory=dict)
    clears: bool = False

    def view(self) -> Callable[..., HttpResponseBase]:
        """The Django view."""
        return resource({"GET": self.get, "PUT": self.put, "POST": self.post, "DELETE": self.delete})

    def get(self, call: Call) -> HttpResponse:
        """The document, or without an id the ids of those that there are."""
        call.caller.require(self.scope, Scope.ALL_READ)
        context, id, since = self._asked(call, {self.id: name, "since": parameters.moment})
        if id is None:
            listed = store.ids(context, since)
            return answers.json(call, orjson.dumps(listed.ids), listed.updated)
        found = store.get(context, id)
        if found is None:
            raise NotFound(f"There is no document with the {self.id} {id[:100]!r} here.")
        response = answers.content(call, bytes(found.content), found.content_type, found.etag, found.updated)
        # It may be a page that somebody sent: in a browser it is a stranger to the admin's.
        response.headers["Content-Security-Policy"] = "sandbox"
        return response

    def put(self, call: Call) -> HttpResponse:
        """Keep a document under its id, in place of the one that is there."""
        context, id = self._one(call)
        store.put(context, id, _content(call), _conditions(call), call.version)
        return answers.done()

    def post(self, call: Call) -> HttpResponse:
        """Merge a JSON object into the document with the id, or keep it as a new one."""
        context, id = self._one(call)
        store.post(context, id, _content(call), _conditions(call))
        return answers.done()

    def delete(self, call: Call) -> HttpResponse:
        """Delete the document with the id, if there is one; of a resource that clears, without an id all."""
        if not self.clears or self.id in call.query:
            context, id = self._one(call)
            store.delete(context, id, _conditions(call))
            return answers.done()
        call.caller.require(self.scope)
        context, _, _ = self._asked(call, {})
        if _conditions(call).stated:
            problem = f"an entity tag is that of one document; say which with {self.id}"
            raise Invalid(Fault("If-Match", "precondition", problem))
        store.delete_all(context)
        return answers.done()

    def _one(self, call: Call) -> tuple[Context, str]:
        """The context and id of the one document that a request is to change."""
        call.caller.require(self.scope)
        context, id, _ = self._asked(call, {self.id: name}, self.id)
        # What is required is there.
        return context, id or ""

    def _asked(self, call: Call, more: Mapping[str, Check], *more_required: str) -> Asked:
        known = {**self.required, **self.optional, **more}
        given = parameters.read(call.query, known, call.version, (*self.required, *more_required))
        context = Context(
            store=call.caller.tenant.store,
            kind=self.kind,
            activity=given.get("activityId", ""),
            agent=given.get("agent", ""),
            registration=given.get("registration", ""),
        )
        return Asked(context, given.get(self.id), given.get("since"))


def agent(given: str, version: Version) -> str:
    """A check: the identifier of an Agent. A Group is taken for an Agent with its identifier (2.6, the note)."""
    identifier = actors.identifier({**parameters.agent(given, version), "objectType": "Agent"})
    if identifier is None:
        raise ValueError("is a Group without an identifier, to whom no document can belong")
    return identifier


def name(given: str, version: Version) -> str:
    """A check: a stateId or profileId, which is any text that a database can keep."""
    if "\0" in given or any("\ud800" <= character <= "\udfff" for character in given):
        raise ValueError("has NUL or half of a surrogate pair in it")
    return parameters.text(given, version)


def _content(call: Call) -> Content:
    return Content(call.content(), call.header("content-type") or _UNNAMED)


def _conditions(call: Call) -> Conditions:
    return Conditions(call.header("if-match"), call.header("if-none-match"))

"""A statement as the database needs it: its text, its typed columns and what it mentions. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from statements import keys, outcome
from statements.profiles.finding import Finding
from statements.xapi import roles, values

VOIDED = "http://adlnet.gov/expapi/verbs/voided"


class Tenant(NamedTuple):
    """The store that an entry is made for: its number, and the bytes of its namespace UUID."""

    store: int
    namespace: bytes


class Provenance(NamedTuple):
    """Where a text comes from that is not simply what the sender sent.

    `original` is the statement's JSON text before the `repairs` (name@version); `received` and `refusal` are the time
    and the number of the refused request that was replayed.
    """

    original: str
    repairs: tuple[str, ...] = ()
    received: datetime | None = None
    refusal: int | None = None


class Entry(msgspec.Struct, frozen=True):
    """One row of the statement table before the database says when it was stored, and its mentions.

    A msgspec.Struct because a frozen dataclass of this many fields takes ten times as long to make.
    Keys are 32 hexadecimal digits. `counted`: whether it is noted when it comes again;
    `derived`: whether its id was made of what it says, so that one with this id is the same statement.
    """

    key: str
    store: int
    id: str
    timestamp: datetime | None
    version: str
    actor: str | None
    verb: str
    object: str | None
    target: str | None
    registration: str | None
    completion: bool | None
    success: bool | None
    scaled: float | None
    raw: float | None
    min: float | None
    max: float | None
    progress: float | None
    completed: bool | None
    duration: float | None
    kind: str
    platform: str | None
    language: str | None
    credential: int | None
    attachments: int
    text: str
    voids: bool
    named: roles.Roles
    findings: tuple[Finding, ...] = ()
    provenance: Provenance | None = None
    counted: bool = False
    derived: bool = False

    @property
    def mentions(self) -> tuple[tuple[str, int], ...]:
        """What the statement mentions, as (key, role); made when it is asked for, while the database is busy."""
        return mentions(self.store, self.named)


def of(
    statement: Mapping[str, Any],
    *,
    id: str,
    text: bytes,
    version: str,
    authority: Mapping[str, Any],
    tenant: Tenant,
    credential: int | None,
    findings: tuple[Finding, ...] = (),
    provenance: Provenance | None = None,
    counted: bool = False,
    derived: bool = False,
) -> Entry:
    """The entry of a valid statement; `text` is the JSON text that is kept (statements.xapi.normalise)."""
    store = tenant.store
    named = roles.of(statement, authority)
    result = statement.get("result") or {}
    score = result.get("score") or {}
    context = statement.get("context") or {}
    timestamp = statement.get("timestamp")
    duration = result.get("duration")
    kind, progress, completed = outcome.of(statement)
    return Entry(
        key=keys.statement(tenant.namespace, id),
        store=store,
        id=id.lower(),
        timestamp=None if timestamp is None else values.timestamp(timestamp),
        version=version,
        actor=named.actor and keys.thing(store, "agent", named.actor),
        verb=keys.thing(store, "verb", named.verb),
        object=named.object
        and keys.thing(store, "activity" if named.object in named.activities else "agent", named.object),
        target=named.target and keys.statement(tenant.namespace, named.target),
        registration=named.registration,
        completion=result.get("completion"),
        success=result.get("success"),
        scaled=_float(score.get("scaled")),
        raw=_float(score.get("raw")),
        min=_float(score.get("min")),
        max=_float(score.get("max")),
        progress=progress,
        completed=completed,
        duration=None if duration is None else float(values.duration(duration)),
        kind=kind,
        platform=_column(context.get("platform")),
        language=context.get("language"),
        credential=credential,
        attachments=len(statement.get("attachments") or ()),
        text=text.decode(),
        voids=named.verb == VOIDED,
        named=named,
        findings=findings,
        provenance=provenance,
        counted=counted,
        derived=derived,
    )


def mentions(store: int, named: roles.Roles) -> tuple[tuple[str, int], ...]:
    """What a statement mentions, as (key, role)."""
    thing = keys.thing
    return tuple([(thing(store, kind, identifier), int(role)) for (kind, identifier), role in named.mentions.items()])


def _float(number: float | None) -> float | None:
    """A column's number; one too large for it stays in the text alone."""
    try:
        return None if number is None else float(number)
    except OverflowError:
        return None


def _column(text: str | None) -> str | None:
    """Text for a column: PostgreSQL takes neither NUL nor lone surrogates, which the text keeps as escapes."""
    if text is None:
        return None
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()

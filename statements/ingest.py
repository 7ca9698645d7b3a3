"""The one way in: statements that were received become statements that are kept, all of them or none."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

import orjson

from statements import attachments as contents
from statements import entry, store
from statements.entry import Entry, Tenant
from statements.xapi import attachments, normalise, signature, validate
from statements.xapi.attachments import Part
from statements.xapi.text import Given
from statements.xapi.versions import Version


class Source(NamedTuple):
    """Who sends: the tenant, the credential's number, and the JSON text of the Agent that vouches for it."""

    tenant: Tenant
    credential: int | None
    authority: bytes


def ingest(given: Sequence[Given], *, source: Source, version: Version, parts: Sequence[Part] = ()) -> list[str]:
    """Check and keep statements and the data of their attachments; the statements' ids, in order.

    Raises Invalid with every fault of every statement, or Conflict.
    """
    validate.batch(given, version)
    attachments.check(given, parts)
    signature.check(given, _signatures(given, parts))
    ids = [one.value.get("id") or str(uuid4()) for one in given]
    authority = orjson.loads(source.authority)
    entries = [_entry(one, id, source, authority, version) for one, id in zip(given, ids, strict=True)]
    contents.keep(source.tenant.store, parts)
    store.insert(source.tenant.store, entries)
    return ids


def _entry(given: Given, id: str, source: Source, authority: Mapping[str, Any], version: Version) -> Entry:
    return entry.of(
        given.value,
        id=id,
        text=normalise.statement(given, id=id, authority=source.authority, version=version),
        version=given.value.get("version", version),
        authority=authority,
        tenant=source.tenant,
        credential=source.credential,
    )


def _signatures(given: Sequence[Given], parts: Sequence[Part]) -> dict[str, bytes]:
    needed = signature.needed(given)
    found = {}
    for part in parts:
        if part.sha2 in needed:
            with part.file.open("rb") as file:
                found[part.sha2] = file.read(signature.MOST + 1)
    return found

"""The one way in: statements that were received become statements that are kept, all of them or none."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

import orjson

from statements import attachments as contents
from statements import entry, keys, profiles, store
from statements.entry import Entry, Provenance, Tenant
from statements.profiles import Practice, repairs
from statements.profiles.finding import Finding
from statements.profiles.repairs import Repaired
from statements.xapi import attachments, normalise, signature, validate
from statements.xapi.attachments import Part
from statements.xapi.text import Given
from statements.xapi.versions import Version


class Source(NamedTuple):
    """Who sends: the tenant, the credential's number, the JSON text of the Agent that vouches for it, its practice.

    Without a practice the standard alone decides.
    """

    tenant: Tenant
    credential: int | None
    authority: bytes
    practice: Practice | None = None


class Replay(NamedTuple):
    """That a request comes out of the quarantine: when it was first received, and the refusal's number."""

    received: datetime
    refusal: int


class _Checked(NamedTuple):
    given: Given
    id: str
    findings: tuple[Finding, ...]
    provenance: Provenance | None


def ingest(
    given: Sequence[Given],
    *,
    source: Source,
    version: Version,
    parts: Sequence[Part] = (),
    replay: Replay | None = None,
) -> list[str]:
    """Check and keep statements and the data of their attachments; the statements' ids, in order.

    Raises Invalid with every fault of every statement, or Conflict.
    """
    repaired = _repaired(given, source.practice)
    mended = [one.given for one in repaired]
    validate.batch(mended, version)
    attachments.check(mended, parts)
    signature.check(mended, _signatures(mended, parts))
    findings = profiles.findings(mended, source.practice)
    origins = [_origin(sent, one, replay) for sent, one in zip(given, repaired, strict=True)]
    ids = [_id(one, source) for one in mended]
    checked = map(_Checked, mended, ids, findings, origins)
    authority = orjson.loads(source.authority)
    # By id: what says the same twice in one batch has the same id made of it, and is one statement.
    entries = {one.id: _entry(one, source, authority, version) for one in checked}
    contents.keep(source.tenant.store, parts)
    store.insert(source.tenant.store, list(entries.values()))
    return ids


def _repaired(given: Sequence[Given], practice: Practice | None) -> list[Repaired]:
    if practice is None or not practice.repairs:
        return [Repaired(one, ()) for one in given]
    return repairs.apply(given, practice.repairs, practice.base)


def _origin(sent: Given, repaired: Repaired, replay: Replay | None) -> Provenance | None:
    if replay is None and not repaired.repairs:
        return None
    original = sent.raw.decode()
    if replay is None:
        return Provenance(original, repaired.repairs)
    return Provenance(original, repaired.repairs, replay.received, replay.refusal)


def _id(given: Given, source: Source) -> str:
    """The sender's id, else one made of what is said where the practice is so, else a random one."""
    own: str | None = given.value.get("id")
    if own is not None:
        return own
    if source.practice is not None and source.practice.content_ids:
        return keys.content(source.tenant.namespace, source.credential, given.value)
    return str(uuid4())


def _entry(checked: _Checked, source: Source, authority: Mapping[str, Any], version: Version) -> Entry:
    given, id, findings, provenance = checked
    practice = source.practice
    return entry.of(
        given.value,
        id=id,
        text=normalise.statement(given, id=id, authority=source.authority, version=version),
        version=given.value.get("version", version),
        authority=authority,
        tenant=source.tenant,
        credential=source.credential,
        findings=findings,
        provenance=provenance,
        counted=practice is not None,
        derived=practice is not None and practice.content_ids and "id" not in given.value,
    )


def _signatures(given: Sequence[Given], parts: Sequence[Part]) -> dict[str, bytes]:
    needed = signature.needed(given)
    found = {}
    for part in parts:
        if part.sha2 in needed:
            with part.file.open("rb") as file:
                found[part.sha2] = file.read(signature.MOST + 1)
    return found

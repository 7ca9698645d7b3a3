"""The one way in: statements that were received become statements that are kept, all of them or none."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

import orjson

from statements import attachments as contents
from statements import entry, keys, profiles, store
from statements.entry import Entry, Provenance, Tenant
from statements.errors import Conflict
from statements.profiles import Practice, repairs
from statements.profiles.finding import Finding
from statements.profiles.repairs import Repairs
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


def ingest(
    given: Sequence[Given],
    *,
    source: Source,
    version: Version,
    parts: Sequence[Part] = (),
    replay: Replay | None = None,
    around: Repairs = (),
) -> list[str]:
    """Check and keep statements and the data of their attachments; the statements' ids, in order.

    `around` is what was mended in the request that brought them.

    Raises Invalid with every fault of every statement, or Conflict.
    """
    mended, repaired = _repaired(given, source.practice)
    validate.batch(mended, version)
    attachments.check(mended, parts)
    signature.check(mended, _signatures(mended, parts))
    findings = profiles.findings(mended, source.practice)
    origins = _origins(given, repaired, replay, around)
    authority = orjson.loads(source.authority)
    ids = [_id(one, source) for one in mended]
    # By id: what says the same twice in one batch has the same id made of it, and is one statement.
    entries = {
        id: _entry(one, id, source, authority, version, findings.get(index, ()), origins.get(index))
        for index, (one, id) in enumerate(zip(mended, ids, strict=True))
    }
    contents.keep(source.tenant.store, parts)
    try:
        store.insert(source.tenant.store, list(entries.values()))
    except Conflict as problem:
        raise problem.placed({id.lower(): one.at for id, one in zip(ids, given, strict=True)}) from None
    return ids


def _repaired(given: Sequence[Given], practice: Practice | None) -> tuple[Sequence[Given], Mapping[int, Repairs]]:
    if practice is None or not practice.repairs:
        return given, {}
    return repairs.apply(given, practice.repairs, practice.base)


def _origins(
    given: Sequence[Given], repaired: Mapping[int, Repairs], replay: Replay | None, around: Repairs
) -> Mapping[int, Provenance]:
    """Where the texts come from, by index, of those that are not simply what was sent."""
    if replay is None and not around:
        return {index: Provenance(given[index].raw.decode(), names) for index, names in repaired.items()}
    received, refusal = replay or (None, None)
    return {
        index: Provenance(one.raw.decode(), around + repaired.get(index, ()), received, refusal)
        for index, one in enumerate(given)
    }


def _id(given: Given, source: Source) -> str:
    """The sender's id, else one made of what is said where the practice is so, else a random one."""
    own: str | None = given.value.get("id")
    if own is not None:
        return own
    if source.practice is not None and source.practice.content_ids:
        return keys.content(source.tenant.namespace, source.credential, given.value)
    return str(uuid4())


def _entry(
    given: Given,
    id: str,
    source: Source,
    authority: Mapping[str, Any],
    version: Version,
    findings: tuple[Finding, ...],
    provenance: Provenance | None,
) -> Entry:
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

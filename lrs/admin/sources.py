"""Credentials are the sources of statements: told to the pages below, which do not know credentials."""

import orjson

from lrs import auth
from lrs.models import Credential
from statements.admin import sources
from statements.admin.page import address
from statements.admin.sources import Source
from statements.xapi import actors


def of(store: int) -> dict[int, Source]:
    """The sources of a store."""
    rows = Credential.objects.select_related("store").filter(store=store)
    return {
        row.pk: Source(row.pk, row.name, authority(row), address(Credential, "change", row.pk), "lrs.view_credential")
        for row in rows
    }


def authority(credential: Credential) -> str:
    """The identifier of the Agent that stands in all its statements as authority."""
    return actors.identifier(orjson.loads(auth.caller_of(credential).authority)) or ""


sources.told_by(of)

"""Every read and write of documents.

A write locks the document's row first, so that what it decides on is what it changes. Where there is no row yet an
empty one is inserted to be locked; it goes again with the transaction if the write is refused.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from lrs.documents import concurrency, merge
from lrs.documents.concurrency import Conditions
from lrs.documents.context import Context
from lrs.documents.models import Document
from lrs.errors import TooLarge
from statements.xapi.text import storable
from statements.xapi.versions import Version


class Content(NamedTuple):
    """What a document says, and its Content-Type."""

    data: bytes
    type: str


class Listed(NamedTuple):
    """The ids of documents in order, and when the newest of them changed; None without any."""

    ids: list[str]
    updated: datetime | None


def get(context: Context, id: str) -> Document | None:
    """The document with this id."""
    return Document.objects.filter(pk=context.key_of(id), store=context.store).first()


def ids(context: Context, since: datetime | None) -> Listed:
    """The documents that changed after `since`; without a registration in the context, those of every one."""
    found = _all(context) if since is None else _all(context).filter(updated__gt=since)
    rows = list(found.values_list("id", "updated"))
    return Listed(sorted({id for id, _ in rows}), max((updated for _, updated in rows), default=None))


def put(context: Context, id: str, content: Content, conditions: Conditions, version: Version) -> None:
    """Keep the document in place of the one that is there.

    Raises PreconditionFailed, DocumentConflict or Invalid as lrs.documents.concurrency.
    """
    with transaction.atomic():
        row = _locked(context, id, Document.objects.defer("content"))
        concurrency.check_put(context.kind, version, conditions, row.etag or None)
        _write(row, content)


def post(context: Context, id: str, content: Content, conditions: Conditions) -> None:
    """Merge the document into the one that is there, or keep it where there is none.

    Raises PreconditionFailed, Invalid where one of the two is not a JSON object of type application/json, or TooLarge.
    """
    with transaction.atomic():
        row = _locked(context, id, Document.objects.all())
        concurrency.check(conditions, row.etag or None)
        if row.etag:
            merged = merge.merged(bytes(row.content), row.content_type, content.data, content.type)
            _check_size(merged)
            _write(row, Content(merged, content.type))
        else:
            if merge.is_json(content.type):
                merge.check_object(content.data)
            _write(row, content)


def delete(context: Context, id: str, conditions: Conditions) -> None:
    """Delete the document, if there is one; raises PreconditionFailed."""
    with transaction.atomic():
        rows = Document.objects.select_for_update().filter(pk=context.key_of(id), store=context.store)
        concurrency.check(conditions, rows.values_list("etag", flat=True).first())
        rows.delete()


def delete_all(context: Context) -> None:
    """Delete every document of the context; without a registration in it, those of every one."""
    with transaction.atomic():
        # In the order of their keys, so that two who delete the same cannot wait for each other.
        rows = _all(context).select_for_update().order_by("pk").values_list("pk", flat=True)
        Document.objects.filter(store=context.store, pk__in=list(rows)).delete()


def _all(context: Context) -> QuerySet[Document]:
    found = Document.objects.filter(store=context.store, context=context.key())
    return found.filter(registration=context.registration) if context.registration else found


def _locked(context: Context, id: str, documents: QuerySet[Document]) -> Document:
    """The document's row, locked; its etag is empty where the document is only being made."""
    key = context.key_of(id)
    while True:
        row = documents.select_for_update().filter(pk=key, store=context.store).first()
        if row is not None:
            return row
        # Waits for another who inserts the same row, then leaves theirs.
        Document.objects.bulk_create([_empty(context, id)], ignore_conflicts=True)


def _empty(context: Context, id: str) -> Document:
    return Document(
        key=context.key_of(id),
        store=context.store,
        context=context.key(),
        kind=context.kind,
        activity=context.activity,
        agent=storable(context.agent),
        registration=UUID(context.registration) if context.registration else None,
        id=id,
        content_type="",
        content=b"",
        etag="",
        updated=datetime.fromtimestamp(0, UTC),
    )


def _write(row: Document, content: Content) -> None:
    # Later than before even where the clock was set back: readers ask what changed since.
    updated = max(timezone.now(), row.updated + timedelta(microseconds=1))
    Document.objects.filter(pk=row.pk, store=row.store).update(
        content=content.data, content_type=content.type, etag=concurrency.etag(content.data), updated=updated
    )


def _check_size(merged: bytes) -> None:
    # What could not be sent as a whole must not grow in pieces.
    if len(merged) > settings.LRS_MAX_BODY:
        raise TooLarge(f"The merged document would have {len(merged)} bytes; at most {settings.LRS_MAX_BODY} are kept.")

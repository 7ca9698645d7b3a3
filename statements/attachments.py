"""The data of attachments: in Django's storage, once per store and content, written before the statement's row."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, cast

from django.core.files import File
from django.core.files.storage import Storage, storages

from statements import keys
from statements.models import Attachment
from statements.xapi.attachments import Part


def keep(store: int, parts: Iterable[Part]) -> None:
    """Keep the data of a request's parts; what the store has already is left as it is."""
    for part in parts:
        key = keys.thing(store, "attachment", part.sha2)
        if not Attachment.objects.filter(pk=key, store=store).exists():
            _keep(store, key, part)


def find(store: int, hashes: Iterable[str]) -> dict[str, Attachment]:
    """The attachments of the store that have these hashes (lower case), by hash."""
    wanted = [keys.thing(store, "attachment", sha2) for sha2 in set(hashes)]
    return {row.sha2: row for row in Attachment.objects.filter(store=store, pk__in=wanted)} if wanted else {}


def open_data(attachment: Attachment) -> BinaryIO:
    """The data, to be read and closed by the caller."""
    return cast(BinaryIO, _storage().open(attachment.file, "rb"))


def _keep(store: int, key: str, part: Part) -> None:
    storage = _storage()
    with part.file.open("rb") as data:
        name = storage.save(f"{store}/{part.sha2[:2]}/{part.sha2}", File(data))
    _flush(storage, name)
    row = Attachment(key=key, store=store, sha2=part.sha2, length=part.length, file=name)
    Attachment.objects.bulk_create([row], ignore_conflicts=True)
    if Attachment.objects.get(pk=key).file != name:
        # Another request brought the same data meanwhile.
        storage.delete(name)


def _flush(storage: Storage, name: str) -> None:
    """Through to the disk, where the storage is one: an acknowledged attachment survives a power cut."""
    try:
        path = storage.path(name)
    except NotImplementedError:
        return
    with Path(path).open("rb") as file:
        os.fsync(file.fileno())


def _storage() -> Storage:
    return storages["attachments"]

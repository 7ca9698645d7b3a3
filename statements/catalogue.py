"""What a vendor's catalogue says of activities: titles for reports. Statements are never changed by it.

Activity ids are compared with the host in lower case and without a slash at the end, because the vendors' lists and
their statements differ in both.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from django.db import models
from django.utils import timezone

from statements import keys

_CHUNK = 1000
_MOST_TITLED = 5_000


class Title(models.Model):
    """The catalogue's entry for an activity id; a course may have several ids."""

    key = models.UUIDField(primary_key=True, help_text="computed from the store and the id")
    store = models.IntegerField()
    iri = models.TextField(help_text="as statements.catalogue.normal")
    title = models.TextField()
    kind = models.CharField(max_length=40, help_text="as Statement.kind")
    source = models.CharField(max_length=40, help_text="whose catalogue it is")
    language = models.CharField(max_length=40, blank=True, default="")
    minutes = models.FloatField(null=True, blank=True)
    updated = models.DateTimeField()

    class Meta:
        ordering = ["title"]
        indexes = [models.Index(fields=["store", "key"], name="title_store")]

    def __str__(self) -> str:
        return self.title


class Listed(NamedTuple):
    """An entry of a catalogue: the activity ids that mean it, and what is said of it. `minutes` is its length."""

    iris: tuple[str, ...]
    title: str
    kind: str
    language: str = ""
    minutes: float | None = None


def normal(iri: str) -> str:
    """An activity id as it is compared: host in lower case, no slash at the end."""
    try:
        parts = urlsplit(iri)
    except ValueError:
        return iri
    if not parts.netloc:
        return iri.removesuffix("/")
    return urlunsplit(parts._replace(netloc=parts.netloc.lower(), path=parts.path.rstrip("/")))


def keep(store: int, source: str, entries: Iterable[Listed]) -> int:
    """Keep catalogue entries, over what was kept of the same ids; how many ids they have."""
    now = timezone.now()
    rows: dict[str, Title] = {}
    for entry in entries:
        for iri in entry.iris:
            key = _key(store, iri)
            rows[key] = Title(key=key, store=store, iri=normal(iri), source=source, updated=now, **_said(entry))
    ordered = [rows[key] for key in sorted(rows)]
    for begin in range(0, len(ordered), _CHUNK):
        Title.objects.bulk_create(
            ordered[begin : begin + _CHUNK],
            update_conflicts=True,
            unique_fields=["key"],
            update_fields=["title", "kind", "source", "language", "minutes", "updated"],
        )
    return len(ordered)


def titles(store: int, iris: Sequence[str]) -> dict[str, Title]:
    """The catalogue's entry for each of these activity ids that has one."""
    wanted = {iri: _key(store, iri) for iri in iris}
    found = {row.key.hex: row for row in Title.objects.filter(store=store, key__in=set(wanted.values()))}
    return {iri: found[key] for iri, key in wanted.items() if key in found}


def called(store: int, names: Mapping[str, str]) -> dict[str, str]:
    """What activities are called, by IRI: their own names, else the catalogue's titles, else nothing."""
    nameless = [iri for iri, name in names.items() if not name]
    known = titles(store, nameless) if nameless else {}
    return {**names, **{iri: row.title for iri, row in known.items()}}


def called_so(store: int, text: str) -> models.Q:
    """Which activities have this text in their names, or have no name and this text in the catalogue's title."""
    found = Title.objects.filter(store=store, title__icontains=text).values_list("iri", flat=True)[:_MOST_TITLED]
    # As statements spell them, save for a host in capitals.
    titled = [keys.thing(store, "activity", spelling) for iri in found for spelling in (iri, f"{iri}/")]
    return models.Q(name__icontains=text) | models.Q(name="", key__in=titled)


def _key(store: int, iri: str) -> str:
    return keys.thing(store, "title", normal(iri))


def _said(entry: Listed) -> Mapping[str, object]:
    return {name: value for name, value in entry._asdict().items() if name != "iris"}

"""The query API: what is asked becomes a walk, and a walk becomes a page or a stream."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from rest_framework.renderers import BaseRenderer, BrowsableAPIRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from lrs import parameters, problems
from lrs.api import access, cursors, door
from lrs.api.door import Json
from lrs.errors import NotFound
from lrs.models import Credential
from lrs.parameters import Check
from lrs.reports import changes, columns, exports, filters, listings, walk
from lrs.reports.columns import Column, Row
from lrs.reports.listings import Order
from lrs.reports.schema import Schema
from lrs.reports.walk import Walk
from statements import keys, progress, stats
from statements.errors import Fault, Invalid
from statements.models import Person, Store
from statements.stats import Counting
from statements.store.dialect import dialect

# Says how many seconds the oldest statement has waited that is not in the answer yet; 0.000 where none waits.
BEHIND = "X-Progress-Behind"
# Rows that a stream reads at a time.
_AT_ONCE = 2_000
_FORMATS = ("json", "api", *exports.FORMATS)


def _streamed(name: str) -> type[BaseRenderer]:
    """What tells the content negotiation that there is this format; the answer itself is made by `exports`."""
    return type(name.title(), (Json,), {"media_type": exports.FORMATS[name].media_type, "format": name})


class Door(door.Door):
    """What all reports have in common."""

    renderer_classes = (Json, BrowsableAPIRenderer, *map(_streamed, exports.FORMATS))
    schema = Schema()
    # What the role of somebody who is signed in must allow, as for the administration's pages of the same.
    seen_with: ClassVar[str] = "statements.view_statement"

    # What every report takes.
    SHAPE: ClassVar[Mapping[str, Check]] = {
        "store": parameters.text,
        "format": parameters.one_of(*_FORMATS),
        "fields": parameters.text,
        "limit": parameters.count,
        "cursor": parameters.text,
    }
    columns: ClassVar[tuple[Column, ...]] = ()

    def chosen(self, fields: str | None) -> tuple[Column, ...]:
        """The columns that `fields` names. Raises Invalid."""
        names = [name.strip() for name in (fields or "").split(",") if name.strip()]
        known = {column.name for column in self.columns}
        unknown = [name for name in names if name not in known]
        if unknown:
            problem = f"there is no column {unknown[0][:60]}; there are {', '.join(sorted(known))}"
            raise Invalid(Fault("?fields", "fields", problem))
        return columns.chosen(self.columns, dict.fromkeys(names))

    def store(self, request: Request, name: str | None) -> Store:
        """The store that is read. Raises Forbidden, NotFound, Invalid."""
        reader = access.reader_of(request)
        if reader.store is None:
            access.permitted(request, self.seen_with, "those whose role may look at this")
        return access.store_of(reader, name)


class Asked(NamedTuple):
    """Of which store, whose (where the address says it), and whether it is to be the whole of it."""

    store: int
    person: UUID | None
    whole: bool


class Report(Door):
    """A list with filters, in pages or streamed whole."""

    filters: ClassVar[type[filters.Filters]]
    orders: ClassVar[Mapping[str, Order]]
    # In which order everything is streamed where none is asked for: one in which nothing moves meanwhile.
    still: ClassVar[Order | None] = None
    # Whether it is made of progress, which may be behind the statements.
    follows: ClassVar[bool] = False
    limit: ClassVar[int] = 100
    most: ClassVar[int | None] = None
    # Filters that the address stands for.
    said_by_address: ClassVar[tuple[str, ...]] = ()

    def get(self, request: Request, **captured: Any) -> HttpResponseBase:
        """A page, or everything where the format is one that is streamed."""
        known = {**self.SHAPE, "bom": parameters.boolean, "ordering": parameters.one_of(*self.orders)}
        asked = self.asked(request.query_params, known)
        store = self.store(request, asked.get("store"))
        chosen = self.chosen(asked.get("fields"))
        name = asked.get("ordering", next(iter(self.orders)))
        given = {key: value for key, value in request.query_params.dict().items() if key not in known}
        streamed = exports.FORMATS.get(request.accepted_renderer.format)
        order = self.orders[name]
        if streamed is not None and "ordering" not in asked:
            order = self.still or order
        made = self.walk(Asked(store.pk, captured.get("person"), streamed is not None), given, order)
        headers = {BEHIND: f"{progress.waited(store.pk).total_seconds():.3f}"} if self.follows else {}
        if streamed is not None:
            return self._stream(streamed, made, chosen, asked.get("bom", False), headers)
        mark = f"{type(self).__name__} {name}"
        after = cursors.read(asked["cursor"], mark, order.kinds) if "cursor" in asked else None
        with dialect().limited(settings.LRS_QUERY_TIMEOUT):
            page = walk.portion(made, after, self.amount(asked.get("limit")))
        cursor = cursors.write(page.after, mark)
        found = {"results": _only(page.rows, chosen), "next": cursor and door.address(request, cursor)}
        return Response(found, headers=headers)

    def amount(self, limit: int | None) -> int:
        """How many rows a page has."""
        most = self.most or settings.LRS_PAGE_MAX
        return min(self.limit if limit is None else limit or most, most)

    def walk(self, asked: Asked, given: Mapping[str, str], order: Order) -> Walk:
        """Where the rows come from. Raises Invalid."""
        raise NotImplementedError

    def read(self, asked: "Asked", given: Mapping[str, str]) -> Any:
        """The filters, checked. Raises Invalid."""
        # Its "request" is what a filter may ask of: here the store alone.
        around: Any = asked
        found = self.filters(dict(given), request=around)
        filters.read(found)
        return found

    @classmethod
    def whole(cls, store: int, given: Mapping[str, str]) -> Iterator[list[Row]]:
        """Every row of a store, in portions. Raises Invalid."""
        order = cls.still or next(iter(cls.orders.values()))
        return _portions(cls().walk(Asked(store, None, whole=True), given, order))

    def _stream(
        self, format: exports.Format, made: Walk, chosen: Sequence[Column], bom: bool, headers: Mapping[str, str]
    ) -> HttpResponseBase:
        if format is exports.FORMATS["parquet"]:
            exports.arrow()
        rows = format.make(_portions(made), chosen, bom)
        response = StreamingHttpResponse(rows, content_type=format.media_type, headers=headers)
        extension = next(name for name, each in exports.FORMATS.items() if each is format)
        name = f"{type(self).__name__.lower()}.{extension}"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return response


def _portions(made: Walk) -> Iterator[list[Row]]:
    # One after the other, each a short query: no transaction stays open while somebody reads slowly.
    portions = walk.stream(made, _AT_ONCE)
    while True:
        with dialect().limited(settings.LRS_QUERY_TIMEOUT):
            rows = next(portions, None)
        if rows is None:
            return
        yield rows


def _only(rows: Sequence[Row], chosen: Sequence[Column]) -> list[Row]:
    return [{column.name: row[column.name] for column in chosen} for row in rows]


class Statements(Report):
    """Statements, by when they were stored."""

    columns = columns.STATEMENTS
    filters = filters.StatementFilters
    orders = {"-stored": listings.NEWEST_STORED, "stored": listings.BY_STORED}

    def walk(self, asked: Asked, given: Mapping[str, str], order: Order) -> Walk:
        return listings.statements(self.read(asked, given), order)


class Timeline(Statements):
    """A person's statements, whatever identifier they name."""

    said_by_address = ("person", "learner")

    def walk(self, asked: Asked, given: Mapping[str, str], order: Order) -> Walk:
        person = str(asked.person)
        if not Person.objects.filter(store=asked.store, key=person).exists():
            raise NotFound(f"There is no person {person}.")
        excess = [name for name in self.said_by_address if name in given]
        if excess:
            problem = "the address says whose timeline this is"
            raise Invalid(*[Fault(f"?{name}", "unknown-parameter", problem) for name in excess])
        return listings.statements(self.read(asked, {**given, "person": person}), order)


class Progress(Report):
    """Where everybody stands with what, the last active first."""

    columns = columns.PROGRESS
    filters = filters.ProgressFilters
    orders = {
        "-last_activity": listings.LAST_ACTIVE,
        "last_activity": listings.LEAST_ACTIVE,
        "-completed_at": listings.LAST_COMPLETED,
        "completed_at": listings.FIRST_COMPLETED,
    }
    still = listings.BY_PERSON
    follows = True

    def walk(self, asked: Asked, given: Mapping[str, str], order: Order) -> Walk:
        return listings.progress(self.read(asked, given), order)


class People(Report):
    """People and their identifiers."""

    columns = columns.PEOPLE
    filters = filters.PersonFilters
    orders = {"person": listings.BY_KEY}
    follows = True
    limit = 25

    def walk(self, asked: Asked, given: Mapping[str, str], order: Order) -> Walk:
        return listings.people(self.read(asked, given), order)


class Activities(Report):
    """Activities and how many stand where with them."""

    columns = columns.ACTIVITIES
    filters = filters.ActivityFilters
    orders = {"activity": listings.BY_KEY}
    follows = True

    def walk(self, asked: Asked, given: Mapping[str, str], order: Order) -> Walk:
        return listings.activities(self.read(asked, given), order)


class Summary(Report):
    """How many statements or completions there were, by period and whatever else is named."""

    columns = columns.SUMMARY
    filters = filters.SummaryFilters
    orders = {"period": listings.AS_MADE}
    follows = True
    limit = 1000

    def walk(self, asked: Asked, given: Mapping[str, str], order: Order) -> Walk:
        wanted = self.read(asked, given).form.cleaned_data
        store = asked.store
        credential = None
        if wanted["source"]:
            found = Credential.objects.filter(store=store, name=wanted["source"]).values_list("pk", flat=True).first()
            # No credential has this number.
            credential = -1 if found is None else found
        return listings.whole(
            listings.summary(
                Counting(
                    store=store,
                    what=wanted["count"] or stats.STATEMENTS,
                    period=wanted["period"] or "month",
                    by=wanted["by"] or (),
                    since=wanted["since"],
                    until=wanted["until"],
                    kind=wanted["kind"] or None,
                    credential=credential,
                    activity=keys.thing(store, "activity", wanted["activity"]) if wanted["activity"] else None,
                    most=None if asked.whole else stats.MOST_COUNTED,
                )
            )
        )


class Sources(Report):
    """Who sends, when they last did, and what is wrong with it."""

    columns = columns.SOURCES
    filters = filters.CredentialFilters
    orders = {"source": listings.AS_MADE}

    def walk(self, asked: Asked, given: Mapping[str, str], order: Order) -> Walk:
        return listings.whole(listings.sources(self.read(asked, given), timezone.now()))


class Quarantine(Report):
    """Refused requests, the last first."""

    columns = columns.QUARANTINE
    seen_with = "lrs.view_refusal"
    filters = filters.RefusalFilters
    orders = {"-last": listings.LAST_REFUSED}

    def walk(self, asked: Asked, given: Mapping[str, str], order: Order) -> Walk:
        return listings.quarantine(self.read(asked, given), order)


class Connections(Report):
    """Connections to other systems."""

    columns = columns.CONNECTIONS
    seen_with = "connectors.view_connection"
    filters = filters.CredentialFilters
    orders = {"source": listings.AS_MADE}

    def walk(self, asked: Asked, given: Mapping[str, str], order: Order) -> Walk:
        return listings.whole(listings.connections(self.read(asked, given)))


class Changes(Door):
    """Every statement once, in the order in which they were stored; a follower goes on `after` what it has."""

    renderer_classes = (Json, BrowsableAPIRenderer)
    columns = (*columns.STATEMENTS, columns.STATEMENT_TEXT)

    def get(self, request: Request) -> HttpResponseBase:
        """The next statements, and after which place to ask for those that follow."""
        known = {name: check for name, check in self.SHAPE.items() if name != "cursor"}
        known |= {"after": parameters.text, "wait": parameters.count}
        asked = self.all_asked(request.query_params, known)
        if asked.get("format", "json") not in ("json", "api"):
            raise Invalid(Fault("?format", "format", "changes are given as JSON"))
        store = self.store(request, asked.get("store"))
        chosen = self.chosen(asked.get("fields"))
        after = changes.read(asked["after"]) if "after" in asked else None
        limit = min(asked.get("limit") or settings.LRS_PAGE_DEFAULT, settings.LRS_PAGE_MAX)
        found = changes.wait(store.pk, after, limit, asked.get("wait", 0), texts=columns.STATEMENT_TEXT in chosen)
        if "fields" not in asked:
            chosen = columns.STATEMENTS
        return Response(
            {
                "results": _only(found.rows, chosen),
                "after": changes.write(found.after),
                "more": found.more,
                "through": found.through,
            }
        )


WHOLE: Mapping[str, type[Report]] = {
    "statements": Statements,
    "progress": Progress,
    "people": People,
    "activities": Activities,
    "summary": Summary,
    "sources": Sources,
    "quarantine": Quarantine,
    "connections": Connections,
}


def unknown(request: Any, **captured: Any) -> HttpResponse:
    """Any other address below /api."""
    return problems.answer(NotFound(f"There is nothing at {request.path[:200]}."))

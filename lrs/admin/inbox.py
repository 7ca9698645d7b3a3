"""The inbox: what came from other systems, what was decided about it and why, and deliveries as they came."""

from collections.abc import Iterable
from uuid import UUID

import orjson
from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lrs.connectors import inbox
from lrs.connectors.models import Connection, Delivery, InboxEvent
from statements import journal
from statements.admin import keyset
from statements.admin.acts import Button, Sure
from statements.admin.listing import Column, Listing, Row
from statements.admin.page import Link, Page, Text, address, look_at, looked_at, user_name
from statements.models import Statement
from statements.templatetags.records import ago

TITLE = gettext_lazy("Inbox")
DELIVERIES = gettext_lazy("Deliveries")
STATES: dict[InboxEvent.State, Text] = {
    InboxEvent.State.WAITING: gettext_lazy("waiting"),
    InboxEvent.State.DEFERRED: gettext_lazy("deferred"),
    InboxEvent.State.REFUSED: gettext_lazy("refused"),
    InboxEvent.State.IGNORED: gettext_lazy("ignored"),
    InboxEvent.State.DONE: gettext_lazy("done"),
}
_DELIVERED: dict[str, Text] = {
    Delivery.State.WAITING: gettext_lazy("waiting"),
    Delivery.State.CUT: gettext_lazy("taken in"),
    Delivery.State.UNREADABLE: gettext_lazy("unreadable"),
}
_AGAIN = (InboxEvent.State.REFUSED, InboxEvent.State.IGNORED, InboxEvent.State.DEFERRED)
_MOST_CONNECTIONS = 200
# Of a body, so many bytes are shown.
_SHOWN = 200_000


class Filters(forms.Form):
    """Which events."""

    state = forms.ChoiceField(
        label=gettext_lazy("State"), required=False, choices=[("", gettext_lazy("all")), *STATES.items()]
    )
    connection = forms.ChoiceField(label=gettext_lazy("Connection"), required=False)

    def __init__(self, names: dict[UUID, str], *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.fields["connection"].choices = [  # type: ignore[attr-defined]
            ("", _("all")),
            *((str(pk), name) for pk, name in names.items()),
        ]


@admin.register(InboxEvent)
class InboxAdmin(Page):
    acts = {"again": "connectors.change_inboxevent"}

    def list_page(self, request: HttpRequest) -> HttpResponse:
        """Events, newest first, of all connections of a store or of one, in all states or one."""
        looked = looked_at(request)
        names = _names(looked.store.pk, request.GET.get("connection", ""))
        form = Filters(names, request.GET)
        asked = form.cleaned_data if form.is_valid() else {}
        rows = InboxEvent.objects.filter(
            connection__in=[UUID(asked["connection"])] if asked.get("connection") else names
        )
        if asked.get("state"):
            rows = rows.filter(state=asked["state"])
        part = keyset.part(request, rows.defer("data", "traceback", "statements"), ("id",))
        listing = Listing(
            caption=TITLE,
            columns=(
                Column(_("Event")),
                Column(_("Connection")),
                Column(_("State"), "word"),
                Column(_("Reason"), "broad"),
                Column(_("Received"), "time"),
            ),
            rows=[
                Row(
                    address(InboxEvent, "change", row.pk),
                    (
                        row.name or row.event,
                        names.get(row.connection_id, ""),
                        STATES[InboxEvent.State(row.state)],
                        row.reason or row.rule or row.waits_for,
                        ago(row.received),
                    ),
                    tone="bad" if row.state == InboxEvent.State.REFUSED else "",
                )
                for row in part.rows
            ],
            newer=part.newer,
            older=part.older,
            form=form,
            empty=_("There is no such event. What connections send stands here a moment later."),
        )
        return self.render(request, "records/list.html", TITLE, looked=looked, listing=listing)

    def one_page(self, request: HttpRequest, key: str) -> HttpResponse:
        """An event: what came, what was decided and why, what was made of it."""
        row = _event(key)
        look_at(request, row.connection.store_id)
        made = Statement.objects.filter(store=row.connection.store_id, id__in=row.statements[:100])
        there = {str(id): address(Statement, "change", pk) for pk, id in made.values_list("pk", "id")}
        again = None
        if row.state in _AGAIN and self.may(request, "again"):
            help = _("It is decided anew, by today's settings. What became statements stays.")
            again = Button(_("Try again"), address(InboxEvent, "again", row.pk), Sure(), help=help)
        delivery = row.delivery and Delivery.objects.filter(pk=row.delivery).exists()
        return self.render(
            request,
            "service/event.html",
            row.name or row.event,
            subtitle=row.connection.name,
            trail=(Link(TITLE, address(InboxEvent)),),
            row=row,
            state=STATES[InboxEvent.State(row.state)],
            payload=orjson.dumps(orjson.loads(row.data), option=orjson.OPT_INDENT_2).decode(),
            made=[(id, there.get(str(id), "")) for id in row.statements[:100]],
            connection_url=address(Connection, "change", row.connection_id),
            delivery_url=address(Delivery, "change", row.delivery) if delivery else "",
            again=again,
        )

    def again(self, request: HttpRequest, key: str) -> HttpResponse:
        """Decide an event anew."""
        row = _event(key)
        if not inbox.again(InboxEvent.objects.filter(pk=row.pk)):
            said = _("Nothing is to be decided about it any more.")
            return self.done(request, said, address(InboxEvent, "change", row.pk), good=False)
        thing = journal.thing(row, f"{row.connection.name}: {row}")._replace(store=row.connection.store_id)
        after = {"state": InboxEvent.State.WAITING.value}
        journal.note("again", thing, by=user_name(request), before={"state": row.state}, after=after)
        return self.done(request, _("It is decided anew within seconds."), address(InboxEvent, "change", row.pk))


@admin.register(Delivery)
class DeliveryAdmin(Page):
    acts = {"again": "connectors.change_delivery"}

    def list_page(self, request: HttpRequest) -> HttpResponse:
        """Deliveries, newest first, of one connection or of all of a store."""
        looked = looked_at(request)
        names = _names(looked.store.pk, request.GET.get("connection", ""))
        form = Filters(names, request.GET)
        del form.fields["state"]
        chosen = form.cleaned_data.get("connection") if form.is_valid() else ""
        rows = Delivery.objects.filter(connection__in=[UUID(chosen)] if chosen else names)
        part = keyset.part(request, rows.defer("body"), ("id",))
        listing = deliveries_listing(part.rows, newer=part.newer, older=part.older, form=form)
        return self.render(request, "records/list.html", DELIVERIES, looked=looked, listing=listing)

    def one_page(self, request: HttpRequest, key: str) -> HttpResponse:
        """A delivery as it came."""
        row = _delivery(key)
        look_at(request, row.connection.store_id)
        body = bytes(row.body)
        again = None
        if row.state == Delivery.State.UNREADABLE and self.may(request, "again"):
            help = _("An update, or another setting of the connection, may make it readable. What came stays as it is.")
            again = Button(_("Try reading it again"), address(Delivery, "again", row.pk), Sure(), help=help)
        return self.render(
            request,
            "service/delivery.html",
            _("Delivery %(number)d") % {"number": row.pk},
            subtitle=row.connection.name,
            trail=(Link(DELIVERIES, address(Delivery, connection=row.connection_id)),),
            row=row,
            state=_DELIVERED[row.state],
            body=body[:_SHOWN].decode("utf-8", "backslashreplace"),
            cut=len(body) > _SHOWN,
            size=len(body),
            headers=orjson.dumps(row.headers, option=orjson.OPT_INDENT_2).decode(),
            connection_url=address(Connection, "change", row.connection_id),
            again=again,
        )

    def again(self, request: HttpRequest, key: str) -> HttpResponse:
        """Look into a delivery anew that could not be read."""
        row = _delivery(key)
        here = address(Delivery, "change", row.pk)
        if not inbox.reread(Delivery.objects.filter(pk=row.pk)):
            return self.done(request, _("It was read already, or is about to be."), here, good=False)
        thing = journal.thing(row, f"{row.connection.name}: {row}")._replace(store=row.connection.store_id)
        after = {"state": Delivery.State.WAITING.value, "problem": ""}
        before = {"state": row.state, "problem": row.problem}
        journal.note("again", thing, by=user_name(request), before=before, after=after)
        return self.done(request, _("It is read again within seconds."), here)


def deliveries_listing(
    rows: Iterable[Delivery], *, newer: str = "", older: str = "", form: forms.Form | None = None
) -> Listing:
    """Deliveries as a list; their bodies are not read."""
    return Listing(
        caption=DELIVERIES,
        columns=(
            Column(_("Delivery"), "word"),
            Column(_("State"), "word"),
            Column(_("Events"), "number"),
            Column(_("Here before"), "number"),
            Column(_("Problem"), "wide"),
            Column(_("Received"), "time"),
        ),
        rows=[
            Row(
                address(Delivery, "change", row.pk),
                (f"#{row.pk}", _DELIVERED[row.state], row.events, row.repeated, row.problem, ago(row.received)),
                tone="bad" if row.state == Delivery.State.UNREADABLE else "",
            )
            for row in rows
        ],
        newer=newer,
        older=older,
        form=form,
        empty=_("Nothing was delivered yet."),
    )


def _names(store: int, asked: str) -> dict[UUID, str]:
    """The connections of a store, and the one that is asked for."""
    rows = Connection.objects.filter(store=store).order_by("name").values_list("pk", "name")[:_MOST_CONNECTIONS]
    names = dict(rows)
    try:
        wanted = UUID(asked)
    except ValueError:
        return names
    if wanted not in names:
        names |= dict(Connection.objects.filter(pk=wanted).values_list("pk", "name"))
    return names


def _event(key: str) -> InboxEvent:
    rows = InboxEvent.objects.select_related("connection")
    row = rows.filter(pk=int(key)).first() if key.isdecimal() else None
    if row is None:
        raise Http404
    return row


def _delivery(key: str) -> Delivery:
    rows = Delivery.objects.select_related("connection")
    row = rows.filter(pk=int(key)).first() if key.isdecimal() else None
    if row is None:
        raise Http404
    return row

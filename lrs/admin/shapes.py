"""The JSON shapes that senders really send, with an example of each: nothing is done here but read."""

from collections.abc import Sequence

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lrs.models import Credential, Shape
from statements.admin import keyset
from statements.admin.listing import Column, Listing, Row
from statements.admin.page import Link, Page, address, look_at, looked_at
from statements.admin.statements import pretty
from statements.templatetags.records import ago

TITLE = gettext_lazy("Shapes")
_MOST_SENDERS = 200


class _Filter(forms.Form):
    credential = forms.TypedChoiceField(label=gettext_lazy("Credential"), required=False, coerce=int, empty_value=None)

    def __init__(self, request: HttpRequest, senders: Sequence[tuple[int, str]]) -> None:
        super().__init__(request.GET)
        self.fields["credential"].choices = [("", _("any")), *senders]  # type: ignore[attr-defined]


@admin.register(Shape)
class ShapeAdmin(Page):
    def list_page(self, request: HttpRequest) -> HttpResponse:
        """Which forms of JSON came, the newest first."""
        looked = looked_at(request)
        noted = Credential.objects.filter(store=looked.store, shapes=True).order_by("name")
        form = _Filter(request, list(noted.values_list("pk", "name")[:_MOST_SENDERS]))
        rows = Shape.objects.filter(store=looked.store).select_related("credential").defer("example")
        if form.is_valid() and form.cleaned_data["credential"] is not None:
            rows = rows.filter(credential=form.cleaned_data["credential"])
        part = keyset.part(request, rows, ("last", "id"))
        listing = Listing(
            caption=TITLE,
            columns=(
                Column(_("Shape"), "wide"),
                Column(_("Credential")),
                Column(_("Statements"), "number"),
                Column(_("First"), "time"),
                Column(_("Last"), "time"),
            ),
            rows=[
                Row(
                    address(Shape, "change", row.pk),
                    (_name(row), row.credential.name, row.count, ago(row.first), ago(row.last)),
                )
                for row in part.rows
            ],
            newer=part.newer,
            older=part.older,
            form=form,
            empty=_("No shape was noted yet. At a credential it is said whether its shapes are noted."),
        )
        return self.render(request, "records/list.html", TITLE, looked=looked, listing=listing)

    def one_page(self, request: HttpRequest, key: str) -> HttpResponse:
        """A shape: its places with their types, and the first statement that had it."""
        row = Shape.objects.select_related("credential").filter(pk=int(key)).first() if key.isdecimal() else None
        if row is None:
            raise Http404
        look_at(request, row.store_id)
        return self.render(
            request,
            "service/shape.html",
            _name(row),
            subtitle=row.credential.name,
            trail=(Link(TITLE, address(Shape)),),
            row=row,
            example=pretty(row.example.encode()),
            places=[place.rpartition(" ")[::2] for place in row.places],
        )


def _name(row: Shape) -> str:
    return _("%(number)d places, shape %(digest)s") % {"number": len(row.places), "digest": row.digest[:8]}

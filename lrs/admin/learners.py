"""What the service does with learners beyond their statements: erasing one."""

from uuid import UUID

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lrs.admin.tasks import begin
from lrs.background import ERASE
from lrs.connectors.models import ERASED
from statements import journal
from statements.admin.acts import Button
from statements.admin.page import address
from statements.admin.people import PersonAdmin
from statements.models import Person


class Erase(forms.Form):
    """How far it goes."""

    mentions = forms.BooleanField(
        label=gettext_lazy("Also statements of others that name this learner"),
        required=False,
        help_text=gettext_lazy("They are erased whole, and missing in what the others have learnt."),
    )


admin.site.unregister(Person)


@admin.register(Person)
class LearnerAdmin(PersonAdmin):
    acts = {**PersonAdmin.acts, "erase": "statements.delete_person"}

    def more(self, request: HttpRequest, person: Person) -> list[Button]:
        """Erasing, for those who may."""
        if not self.may(request, "erase"):
            return []
        help = _("All statements, progress and identifiers of this learner, in every table. It cannot be undone.")
        return [
            Button(_("Erase"), address(Person, "erase", person.pk), Erase(), danger=True, help=help, confirm=_("Erase"))
        ]

    def erase(self, request: HttpRequest, key: str) -> HttpResponse:
        """Begin to erase a learner."""
        try:
            person = Person.objects.filter(pk=UUID(key)).first()
        except ValueError:
            person = None
        form = Erase(request.POST)
        if person is None or not form.is_valid():
            raise Http404
        arguments = {"store": person.store, "person": str(person.pk), "mentions": form.cleaned_data["mentions"]}
        thing = journal.Thing("statements.person", str(person.pk), ERASED, person.store)
        return begin(request, ERASE, arguments, thing)

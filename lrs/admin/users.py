"""Those who may sign in here, and their roles."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangosUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from lrs.roles import ADMINISTRATOR, OPERATOR, VIEWER
from statements.admin.journal import Audited
from statements.admin.listing import Column, Listing, Row
from statements.admin.page import Link, Text, address, framed
from statements.templatetags.records import ago

TITLE = gettext_lazy("Users")
_MOST = 500
# What the roles of lrs.roles are called, and what they may.
_CALLED: Mapping[str, Text] = {
    VIEWER: gettext_lazy("viewer"),
    OPERATOR: gettext_lazy("operator"),
    ADMINISTRATOR: gettext_lazy("administrator"),
}
_MAY: Mapping[str, Text] = {
    VIEWER: gettext_lazy("looks at statements, learners and activities"),
    OPERATOR: gettext_lazy("also looks after quarantine, connections and inbox"),
    ADMINISTRATOR: gettext_lazy("also makes credentials and users, and reads the audit log"),
}

admin.site.unregister(User)
admin.site.unregister(Group)


class _Roles(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Roles as boxes to tick, with what they may."""

    def label_from_instance(self, obj: Any) -> str:
        """Name and right."""
        called, may = _CALLED.get(obj.name, obj.name), _MAY.get(obj.name)
        return f"{called}: {may}" if may else str(called)


@admin.register(User)
class UserAdmin(Audited, DjangosUserAdmin, ModelAdmin):  # type: ignore[type-arg,misc]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    change_form_outer_before_template: Any = "service/user.html"
    # Of the password not even the hash is shown; a button leads to where it is set.
    fieldsets = (
        (None, {"fields": ("username",)}),
        (gettext_lazy("Person"), {"fields": ("first_name", "last_name", "email")}),
        (gettext_lazy("Roles"), {"fields": ("groups", "is_active", "is_superuser")}),
    )
    add_fieldsets: Any = ((None, {"fields": ("username", "password1", "password2", "groups")}),)
    filter_horizontal = ()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Users by name."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = list(User.objects.prefetch_related("groups").order_by("username")[:_MOST])
        listing = Listing(
            caption=TITLE,
            columns=(
                Column(_("User"), "wide"),
                Column(_("Name")),
                Column(_("Roles")),
                Column(_("Last sign-in"), "time"),
            ),
            rows=[
                Row(
                    address(User, "change", row.pk),
                    (row.username, row.get_full_name(), _roles(row), ago(row.last_login)),
                    tone="" if row.is_active else "muted",
                )
                for row in rows
            ],
            tools=[Link(_("New user"), address(User, "add"))] if self.has_add_permission(request) else [],
            note=_("Only the first %(number)d are shown.") % {"number": _MOST} if len(rows) == _MOST else "",
        )
        return framed(self.admin_site, request, "records/list.html", TITLE, listing=listing)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """A user's form in the frame of the other pages."""
        row = User.objects.filter(pk=int(object_id)).first() if object_id and object_id.isdecimal() else None
        frame = {
            "page_title": row.username if row else _("New user"),
            "trail": (Link(TITLE, address(User)),),
            "password_url": reverse("admin:auth_user_password_change", args=[row.pk])
            if row and self.has_change_permission(request, row)
            else "",
        }
        return super().changeform_view(request, object_id, form_url, {**frame, **(extra_context or {})})

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Nobody makes themselves, or others, more than they are."""
        return () if request.user.is_superuser else ("is_superuser",)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A superuser is changed by superusers alone."""
        if obj is not None and obj.is_superuser and not request.user.is_superuser:  # type: ignore[attr-defined]
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """As above; and whoever did something is kept, and made inactive."""
        return False

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Roles as boxes to tick."""
        if db_field.name == "groups":
            return _Roles(
                Group.objects.order_by("pk"), label=_("Roles"), required=False, widget=forms.CheckboxSelectMultiple
            )
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Whoever has a page here may sign in."""
        obj.is_staff = True
        super().save_model(request, obj, form, change)


def _roles(row: User) -> str:
    names = [str(_CALLED.get(group.name, group.name)) for group in row.groups.all()]
    return ", ".join([_("superuser"), *names] if row.is_superuser else names)

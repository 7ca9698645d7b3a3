"""What every page stands on: the store that is looked at, who may, and the frame around it.

A page belongs to a model's admin, so that addresses, navigation and permissions come from Django:

    @admin.register(Thing)
    class ThingAdmin(Page):
        def list_page(self, request: HttpRequest) -> HttpResponse: ...
        def one_page(self, request: HttpRequest, key: str) -> HttpResponse: ...

An action is a method named in `acts` that takes (request, key), is reached by POST alone, and ends with `done`.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from unfold.admin import ModelAdmin

from statements.models import Store

_IN_SESSION = "store"
_MOST_STORES = 200

Text = str | Promise


class Link(NamedTuple):
    """Words that lead somewhere."""

    text: Text
    url: str


class Looked(NamedTuple):
    """The store that is looked at, and those that could be."""

    store: Store
    all: list[Store]


def looked_at(request: HttpRequest) -> Looked:
    """The store of the address (?store=), else the one that was looked at last, else the first.

    Raises Http404 where there is none.
    """
    stores = list(Store.objects.order_by("name")[:_MOST_STORES])
    asked = request.GET.get("store") or str(request.session.get(_IN_SESSION, ""))
    chosen = next((store for store in stores if str(store.pk) == asked), None)
    if chosen is None and asked.isascii() and asked.isdecimal():
        chosen = Store.objects.filter(pk=int(asked)).first()
    if chosen is None and not stores:
        raise Http404("There is no store yet.")
    store = chosen or stores[0]
    if request.session.get(_IN_SESSION) != store.pk:
        request.session[_IN_SESSION] = store.pk
    return Looked(store, stores if store in stores else [*stores, store])


def look_at(request: HttpRequest, store: int) -> None:
    """Remember the store of the thing that is shown, so that links from its page stay in it."""
    if request.session.get(_IN_SESSION) != store:
        request.session[_IN_SESSION] = store


def user_name(request: HttpRequest) -> str:
    """Who is acting, for the audit log."""
    return str(request.user.get_username())


def address(model: type[models.Model], page: str = "changelist", *key: object, **query: object) -> str:
    """The address of a page of a model: its list, or "change" with a key, or an action; with this query."""
    meta = model._meta
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=[str(each) for each in key])
    asked = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{url}?{urlencode(asked)}" if asked else url


def framed(
    site: AdminSite,
    request: HttpRequest,
    template: str,
    title: Text,
    *,
    subtitle: Text = "",
    trail: tuple[Link, ...] = (),
    looked: Looked | None = None,
    **context: Any,
) -> TemplateResponse:
    """A page in the frame that all have: navigation, the trail of links above it, the choice of the store."""
    request.current_app = site.name
    frame = {
        **site.each_context(request),
        "page_title": title,
        "title": title,
        "subtitle": None,
        "page_subtitle": subtitle,
        "trail": trail,
        "looked": looked,
    }
    return TemplateResponse(request, template, {**frame, **context})


class Page(ModelAdmin):
    """A model whose rows are looked at and acted upon, and never edited in a form."""

    # Names of methods that take (request, key) and are reached by POST, with what is asked of the user.
    acts: Mapping[str, str] = {}
    # Whether rows are made by hand: there is an `add_page`, for those who have the permission.
    adds = False
    # Names of methods that take (request, key) and are reached by GET.
    views: tuple[str, ...] = ()

    def list_page(self, request: HttpRequest) -> HttpResponse:
        """What stands at the model's own address."""
        raise NotImplementedError

    def one_page(self, request: HttpRequest, key: str) -> HttpResponse:
        """What stands at the address of one row."""
        raise NotImplementedError

    def add_page(self, request: HttpRequest) -> HttpResponse:
        """What stands at the address under which a row is made, where `adds` says that there is one."""
        raise NotImplementedError

    # --- for Django

    def get_urls(self) -> list[URLPattern]:
        """The addresses of the actions and further views, before Django's own."""
        meta = self.model._meta
        own = [self._path(name, self._act(name, permission)) for name, permission in self.acts.items()]
        own += [self._path(name, self._view(name)) for name in self.views]
        names = {
            f"{meta.app_label}_{meta.model_name}_{page}"
            for page in ("changelist", "change", *(["add"] if self.adds else []))
        }
        return own + [each for each in super().get_urls() if each.name in names or not each.name]

    def _path(self, name: str, view: Callable[..., HttpResponse]) -> URLPattern:
        meta = self.model._meta
        wrapped = self.admin_site.admin_view(view)
        return path(f"<path:key>/{name.replace('_', '-')}/", wrapped, name=f"{meta.app_label}_{meta.model_name}_{name}")

    def _act(self, name: str, permission: str) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, key: str) -> HttpResponse:
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            if not request.user.has_perm(permission):
                raise PermissionDenied
            answer: HttpResponse = getattr(self, name)(request, key)
            return answer

        return view

    def _view(self, name: str) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, key: str) -> HttpResponse:
            self._require_view(request)
            answer: HttpResponse = getattr(self, name)(request, key)
            return answer

        return view

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Django's name for the list."""
        self._require_view(request)
        return self.list_page(request)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django's name for the page that makes a row."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self.add_page(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django's name for the page of one row."""
        self._require_view(request)
        return self.one_page(request, object_id)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nothing is made by hand where there is no page for it."""
        return self.adds and super().has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Nothing is deleted by hand here."""
        return False

    def _require_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    # --- for pages

    def may(self, request: HttpRequest, act: str) -> bool:
        """Whether the user may do this."""
        return request.user.has_perm(self.acts[act])

    def render(
        self,
        request: HttpRequest,
        template: str,
        title: Text,
        *,
        subtitle: Text = "",
        trail: tuple[Link, ...] = (),
        looked: Looked | None = None,
        **context: Any,
    ) -> TemplateResponse:
        """A page in the frame that all have, as `framed`."""
        site = self.admin_site
        return framed(site, request, template, title, subtitle=subtitle, trail=trail, looked=looked, **context)

    def done(
        self, request: HttpRequest, sentence: Text | Exception, url: str, *, good: bool = True
    ) -> HttpResponseRedirect:
        """Say what was done on the next page."""
        messages.add_message(request, messages.SUCCESS if good else messages.ERROR, str(sentence))
        return HttpResponseRedirect(url)

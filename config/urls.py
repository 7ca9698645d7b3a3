"""Every address: operations, people's pages, and the doors of lrs.urls."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from lrs import operations

admin.autodiscover()
urlpatterns = [
    # The doors first: they are asked most, and each address before theirs is compared with every request.
    path("", include("lrs.urls")),
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("healthz", operations.alive),
    path("readyz", operations.ready),
    path("metrics", operations.metrics),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    # The choice of the language.
    path("admin/", include("django.conf.urls.i18n")),
    # Before the admin's own, which answers for every address below.
    path("admin/", include("lrs.connectors.sign_in_urls")),
    path("admin/", admin.site.urls),
]
handler400 = "lrs.fallback.bad_request"
handler403 = "lrs.fallback.forbidden"
handler404 = "lrs.fallback.not_found"
handler500 = "lrs.fallback.failed"

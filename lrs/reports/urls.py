"""The addresses of the query API."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from lrs.reports import quarantine, views

urlpatterns = [
    path("api/v1/statements", views.Statements.as_view()),
    path("api/v1/progress", views.Progress.as_view()),
    path("api/v1/people", views.People.as_view()),
    path("api/v1/people/<uuid:person>/timeline", views.Timeline.as_view()),
    path("api/v1/activities", views.Activities.as_view()),
    path("api/v1/summary", views.Summary.as_view()),
    path("api/v1/sources", views.Sources.as_view()),
    path("api/v1/quarantine", views.Quarantine.as_view()),
    path("api/v1/quarantine/kinds", quarantine.Kinds.as_view()),
    path("api/v1/quarantine/kinds/<int:number>/replay", quarantine.ReplayKind.as_view()),
    path("api/v1/quarantine/kinds/<int:number>/dismiss", quarantine.DismissKind.as_view()),
    path("api/v1/quarantine/kinds/<int:number>/reopen", quarantine.ReopenKind.as_view()),
    path("api/v1/quarantine/kinds/<int:number>/repair", quarantine.RepairKind.as_view()),
    path("api/v1/quarantine/<int:number>", quarantine.One.as_view()),
    path("api/v1/quarantine/<int:number>/replay", quarantine.ReplayOne.as_view()),
    path("api/v1/quarantine/<int:number>/dismiss", quarantine.DismissOne.as_view()),
    path("api/v1/quarantine/<int:number>/reopen", quarantine.ReopenOne.as_view()),
    path("api/v1/quarantine/<int:number>/edit", quarantine.EditOne.as_view()),
    path("api/v1/connections", views.Connections.as_view()),
    path("api/v1/changes", views.Changes.as_view()),
    path("api/schema", SpectacularAPIView.as_view(authentication_classes=[], permission_classes=[]), name="api-schema"),
    path(
        "api/docs",
        SpectacularSwaggerView.as_view(url_name="api-schema", authentication_classes=[], permission_classes=[]),
    ),
    re_path(r"^api(?:/.*)?$", views.unknown),
]

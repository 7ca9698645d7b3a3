"""The addresses that providers post to, and those of the query API that are about connections."""

from django.urls import path

from lrs.connectors import khalibre_api, views
from lrs.connectors.webinars import api as webinars

_SESSIONS = "api/v1/webinars/sessions"
_KHALIBRE = "api/v1/connections/<uuid:connection>/khalibre"

urlpatterns = [
    path("hooks/<str:key>", views.receive),
    path(f"{_KHALIBRE}/courses", khalibre_api.KhalibreCourses.as_view()),
    path(f"{_KHALIBRE}/courses/<int:course>", khalibre_api.KhalibreCourse.as_view()),
    path(f"{_KHALIBRE}/courses/<int:course>/progress", khalibre_api.KhalibreCourseProgress.as_view()),
    path(f"{_KHALIBRE}/progress", khalibre_api.KhalibreLearnerProgress.as_view()),
    path(_SESSIONS, webinars.WebinarSessions.as_view()),
    path(f"{_SESSIONS}/<int:number>", webinars.WebinarSessionOne.as_view()),
    path(f"{_SESSIONS}/<int:number>/roster", webinars.WebinarSessionRoster.as_view()),
    path(f"{_SESSIONS}/<int:number>/results", webinars.WebinarSessionResults.as_view()),
]

"""The addresses of the service, as senders and readers rely on them: no trailing slashes, no redirects."""

from django.urls import include, path, re_path

from lrs import http, oauth, vendors
from lrs.resources import about, activities, activity_profile, agent_profile, agents, state, statements

urlpatterns = [
    # What is asked most comes first.
    path("xapi/statements", statements.view),
    path("xapi/statements/more/<str:token>", statements.more),
    # BigBlueButton's exporter posts here whatever path it is given.
    path("xAPI/statements", statements.view),
    path("xapi/about", about.view),
    path("xapi/activities", activities.view),
    path("xapi/activities/profile", activity_profile.view),
    path("xapi/activities/state", state.view),
    path("xapi/agents", agents.view),
    path("xapi/agents/profile", agent_profile.view),
    path("oauth/token", oauth.token),
    path("profiles/<str:name>/schema.json", vendors.schema),
    path("", include("lrs.connectors.urls")),
    path("", include("lrs.reports.urls")),
    re_path(r"^(?:xapi|xAPI)(?:/.*)?$", http.unknown),
]

"""The addresses below /admin/ where people sign in with a provider."""

from django.urls import path

from lrs.connectors import sign_in_views

app_name = "connectors"
urlpatterns = [
    path("sign-in/<uuid:id>", sign_in_views.page, name="sign_in"),
    path("signed-in", sign_in_views.back, name="signed_in"),
]

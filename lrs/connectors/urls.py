"""The addresses that providers post to."""

from django.urls import path

from lrs.connectors import views

urlpatterns = [
    path("hooks/<str:key>", views.receive),
]

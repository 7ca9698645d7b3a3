"""Buttons that do something: each asks first, and some ask why. Shown by the template records/act.html."""

from dataclasses import dataclass

from django import forms
from django.utils.translation import gettext_lazy

from statements.admin.page import Text


class Sure(forms.Form):
    """Nothing to fill in."""


class Reason(forms.Form):
    """Why something is done; it goes into the audit log."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        widget=forms.TextInput({"autocomplete": "off"}),
        help_text=gettext_lazy("It is kept in the audit log."),
    )


@dataclass(frozen=True, slots=True)
class Button:
    """What is done, where it is sent to, what is asked before, and how it is confirmed."""

    text: Text
    url: str
    form: forms.Form
    danger: bool = False
    help: Text = ""
    confirm: Text = ""

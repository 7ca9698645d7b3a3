"""What the templates of records/ need beside Django's own."""

from datetime import datetime

from django import forms, template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import npgettext_lazy

register = template.Library()

# Times that are past: "vor 2 Tagen" and "хвилину тому" are other cases than Django's "2 Tage" and "хвилина".
_AGO = {
    "year": npgettext_lazy("ago", "%(num)d year", "%(num)d years", "num"),
    "month": npgettext_lazy("ago", "%(num)d month", "%(num)d months", "num"),
    "week": npgettext_lazy("ago", "%(num)d week", "%(num)d weeks", "num"),
    "day": npgettext_lazy("ago", "%(num)d day", "%(num)d days", "num"),
    "hour": npgettext_lazy("ago", "%(num)d hour", "%(num)d hours", "num"),
    "minute": npgettext_lazy("ago", "%(num)d minute", "%(num)d minutes", "num"),
}


@register.filter
def filled(form: forms.Form) -> int:
    """How many filters beside the search are set."""
    return sum(1 for name in form.fields if name != "q" and form[name].value() not in (None, "", [], False))


@register.filter
def narrows(form: forms.Form) -> bool:
    """Whether there are filters beside the search."""
    return any(name != "q" for name in form.fields)


@register.filter
def ago(moment: datetime | None) -> SafeString | str:
    """How long ago a time was, with the time itself where one looks closer."""
    if moment is None:
        return "–"
    if (timezone.now() - moment).total_seconds() < 60:
        words = _("just now")
    else:
        words = _("%(time)s ago") % {"time": timesince(moment, time_strings=_AGO, depth=1)}  # type: ignore[arg-type]
    exact = date_format(timezone.localtime(moment), "Y-m-d H:i:s") + " UTC"
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exact, words)

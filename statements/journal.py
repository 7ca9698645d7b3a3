"""What people did by hand, with what was before and after: the audit log. It is only ever added to.

Secrets do not get in: a field whose name says that it holds one is noted as changed, never with its value.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.db import models
from django.utils import timezone

from statements.xapi.text import storable

_SECRET = re.compile(r"secret|passw|token|sealed|hash|private|hook$", re.IGNORECASE)
HIDDEN = "•••"
CHANGED = "••• (changed)"


class Act(models.Model):
    """One thing that somebody did."""

    at = models.DateTimeField(db_index=True)
    by = models.TextField(help_text="the user's name, or what acted for them")
    what = models.CharField(max_length=40, help_text="a verb: void, merge, change, rotate, ...")
    kind = models.CharField(max_length=60, help_text="label of the model of the thing: statements.statement")
    thing = models.CharField(max_length=200, help_text="key of the thing")
    label = models.TextField(help_text="what the thing was called then")
    store = models.IntegerField(null=True)
    # JSON as text, like everywhere in this app.
    before = models.TextField(default="{}", help_text="JSON text: those properties that were changed")
    after = models.TextField(default="{}", help_text="JSON text, as `before`")
    reason = models.TextField(default="", blank=True)

    class Meta:
        indexes = [models.Index(fields=["kind", "thing"], name="act_thing")]

    def __str__(self) -> str:
        return f"{self.by}: {self.what} {self.label}"


class Thing(NamedTuple):
    """What something was done to."""

    kind: str
    key: str
    label: str
    store: int | None = None


def thing(row: models.Model, label: str = "") -> Thing:
    """The thing that a row of a table is."""
    store = getattr(row, "store_id", None) or getattr(row, "store", None)
    return Thing(row._meta.label_lower, str(row.pk), label or str(row), store if isinstance(store, int) else None)


def note(
    what: str,
    thing: Thing,
    *,
    by: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> Act:
    """Write down what was done; of `before` and `after` only what differs is kept, and no secrets."""
    was, became = difference(before or {}, after or {})
    return Act.objects.create(
        at=timezone.now(),
        by=by,
        what=what,
        kind=thing.kind,
        thing=thing.key[:200],
        label=storable(thing.label),
        store=thing.store,
        before=_text(was),
        after=_text(became),
        reason=storable(reason),
    )


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The properties that are not the same on both sides, without the values of secrets."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    was = {name: HIDDEN if _SECRET.search(name) else before[name] for name in names if name in before}
    became = {name: CHANGED if _SECRET.search(name) else after[name] for name in names if name in after}
    return was, became


def of(row: models.Model) -> dict[str, Any]:
    """The properties of a row, as `note` takes them: by the names of its fields, many-to-many ones included."""
    found = {field.name: field.value_from_object(row) for field in row._meta.concrete_fields}
    if row.pk is not None:
        for many in row._meta.many_to_many:
            found[many.name] = sorted(str(each) for each in getattr(row, many.name).all())
    return found


def _text(values: Mapping[str, Any]) -> str:
    return json.dumps(values, default=_shown)


def _shown(value: Any) -> str:
    if isinstance(value, bytes | memoryview):
        return f"{len(value)} bytes"
    return str(value)

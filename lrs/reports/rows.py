"""Rows of the tables as rows of reports: names and IRIs for keys, with a constant number of queries."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet

from lrs.models import Credential
from lrs.reports.columns import Row
from statements import catalogue, entry, keys
from statements.models import Activity, Agent, Finding, Funnel, Identity, Person, Progress, Statement, Verb
from statements.standing import Status
from statements.xapi import formats

_STATEMENT = (
    "id", "stored", "timestamp", "voided", "registration", "completion", "success", "scaled", "raw", "min", "max",
    "progress", "completed", "duration", "kind", "platform", "language", "attachments",
)  # fmt: skip
_STATEMENT_KEYS = ("key", "actor", "verb", "object", "target", "credential")
_STATEMENT_TEXT = ("text", "timestamp_given")
_PROGRESS = (
    "person", "kind", "registration", "status", "platform", "first_seen", "last_activity", "progress", "progress_at",
    "progress_max", "completed_at", "rolled_back_at", "success", "success_at", "score", "state", "state_at",
    "attempts", "statements",
)  # fmt: skip
_PROGRESS_KEYS = ("key", "activity", "credential")


def statements(store: int, found: "QuerySet[Statement]", *, texts: bool = False) -> dict[UUID, Row]:
    """Statements as rows of columns.STATEMENTS, with `texts` of columns.STATEMENT_TEXT too, by key."""
    told = list(found.values(*_STATEMENT, *_STATEMENT_KEYS, *(_STATEMENT_TEXT if texts else ())))
    persons = dict(_pairs(Identity, store, (one["actor"] for one in told), "person"))
    names = _persons(store, persons.values())
    learners = dict(_pairs(Agent, store, (one["actor"] for one in told), "identifier"))
    verbs = _named(Verb, store, (one["verb"] for one in told))
    activities = _activities(store, (one["object"] for one in told))
    sources = _sources(one["credential"] for one in told)
    findings = _findings(store, told)
    voided = _voided(store, told)
    rows = {}
    for one in told:
        person = persons.get(one["actor"])
        verb, verb_name = verbs.get(one["verb"], (None, None))
        activity, activity_name, kind = activities.get(one["object"], (None, None, ""))
        rows[one["key"]] = {
            **{name: one[name] for name in _STATEMENT},
            "voids": voided.get(one["target"]) if one["target"] is not None else None,
            "person": person,
            "person_name": names[person][0] if person in names else None,
            "learner": learners.get(one["actor"]),
            "verb": verb,
            "verb_name": verb_name,
            "activity": activity,
            "activity_name": activity_name,
            "kind": one["kind"] or kind,
            "source": sources.get(one["credential"]),
            "findings": findings.get(one["key"], 0),
            **({"statement": _text(one)} if texts else {}),
        }
    return rows


def _text(one: Mapping[str, Any]) -> str:
    return formats.exact(one["text"].encode(), one["stored"], one["timestamp_given"]).decode()


def progress(store: int, found: "QuerySet[Progress]") -> dict[UUID, Row]:
    """Progress as rows of columns.PROGRESS, by key."""
    told = list(found.values(*_PROGRESS, *_PROGRESS_KEYS))
    names = _persons(store, (one["person"] for one in told))
    activities = _activities(store, (one["activity"] for one in told))
    sources = _sources(one["credential"] for one in told)
    rows = {}
    for one in told:
        name, reference = names.get(one["person"], (None, None))
        activity, activity_name, kind = activities.get(one["activity"], (None, None, ""))
        rows[one["key"]] = {
            **{name: one[name] for name in _PROGRESS},
            "person_name": name,
            "person_reference": reference,
            "activity": activity,
            "activity_name": activity_name,
            "kind": one["kind"] or kind,
            "source": sources.get(one["credential"]),
        }
    return rows


def people(store: int, found: "QuerySet[Person]") -> dict[UUID, Row]:
    """People as rows of columns.PEOPLE, by key; those without identities are left out."""
    told = list(found.values("key", "name", "reference", "created"))
    wanted = [one["key"] for one in told]
    identifiers: dict[UUID, list[str]] = {}
    known = Identity.objects.filter(store=store, person__in=wanted).order_by("since", "identifier")
    for person, identifier in known.values_list("person", "identifier"):
        identifiers.setdefault(person, []).append(identifier)
    standings = _by_group(
        Progress.objects.filter(store=store, person__in=wanted),
        "person",
        activities=Count("activity", distinct=True),
        completed=Count("activity", distinct=True, filter=Q(completed_at__isnull=False)),
        last_activity=Max("last_activity"),
    )
    nothing = {"activities": 0, "completed": 0, "last_activity": None}
    return {
        one["key"]: {
            "person": one["key"],
            **{name: one[name] for name in ("name", "reference", "created")},
            "identities": len(identifiers[one["key"]]),
            "identifiers": "\n".join(identifiers[one["key"]]),
            **standings.get(one["key"], nothing),
        }
        for one in told
        if one["key"] in identifiers
    }


def activities(store: int, found: "QuerySet[Activity]") -> dict[UUID, Row]:
    """Activities that somebody has progress with as rows of columns.ACTIVITIES, by key."""
    told = list(found.values("key", "iri", "name", "kind"))
    called = catalogue.called(store, {one["iri"]: one["name"] for one in told})
    counted = ("people", *(status.value for status in Status), "statements", "last_activity")
    funnels = Funnel.objects.filter(store=store).in_bulk([one["key"] for one in told])
    return {
        one["key"]: {
            "activity": one["iri"],
            "name": called[one["iri"]],
            "kind": max(funnel.kinds) or one["kind"],
            **{name: getattr(funnel, name) for name in counted},
        }
        for one in told
        if (funnel := funnels.get(one["key"])) is not None
    }


def _by_group(found: "QuerySet[Any]", field: str, **figures: Any) -> dict[Any, Row]:
    rows = found.values(field).annotate(**figures).order_by()
    return {row.pop(field): row for row in rows}


def _pairs(model: Any, store: int, wanted: Iterable[UUID | None], field: str) -> Iterable[tuple[UUID, Any]]:
    some = {key for key in wanted if key is not None}
    return model.objects.filter(store=store, pk__in=some).values_list("pk", field) if some else ()


def _named(model: Any, store: int, wanted: Iterable[UUID | None]) -> dict[UUID | None, tuple[str, str]]:
    some = {key for key in wanted if key is not None}
    found = model.objects.filter(store=store, pk__in=some).values_list("pk", "iri", "name") if some else ()
    return {key: (iri, name) for key, iri, name in found}


def _activities(store: int, wanted: Iterable[UUID | None]) -> dict[UUID | None, tuple[str, str, str]]:
    some = {key for key in wanted if key is not None}
    if not some:
        return {}
    found = list(Activity.objects.filter(store=store, pk__in=some).values_list("pk", "iri", "name", "kind"))
    called = catalogue.called(store, {iri: name for _, iri, name, _ in found})
    return {key: (iri, called[iri], kind) for key, iri, _, kind in found}


def _persons(store: int, wanted: Iterable[UUID]) -> dict[UUID | None, tuple[str, str]]:
    found = Person.objects.filter(store=store, pk__in=set(wanted)).values_list("pk", "name", "reference")
    return {key: (name, reference) for key, name, reference in found}


def _sources(wanted: Iterable[int | None]) -> dict[int | None, str]:
    return dict(Credential.objects.filter(pk__in={pk for pk in wanted if pk is not None}).values_list("pk", "name"))


def _findings(store: int, told: Sequence[Mapping[str, Any]]) -> dict[UUID, int]:
    found = Finding.objects.filter(store=store, statement__in=[one["key"] for one in told])
    return dict(found.values_list("statement").annotate(count=Count("number")).order_by())


def _voided(store: int, told: Sequence[Mapping[str, Any]]) -> dict[UUID, UUID]:
    """The ids of the statements that these take back, by key."""
    verb = UUID(keys.thing(store, "verb", entry.VOIDED))
    targets = {one["target"] for one in told if one["target"] is not None and one["verb"] == verb}
    return dict(_pairs(Statement, store, targets, "id"))

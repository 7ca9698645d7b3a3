"""The filters of each report: what may be asked, and what each must be."""

from collections.abc import Iterator, Mapping
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q, QuerySet

from lrs import parameters
from lrs.models import Credential, Refusal
from lrs.parameters import Check
from statements import catalogue, keys, query, stats
from statements.errors import Fault, Invalid
from statements.models import Activity, Finding, Identity, Person, Progress, Statement
from statements.outcome import KINDS, WORDS
from statements.query import Condition
from statements.standing import Status
from statements.xapi import actors, validate
from statements.xapi.roles import Role
from statements.xapi.versions import Version

_MOST_NAMED = 50
_KINDS: list[str] = sorted({*KINDS.values(), *WORDS.values()})


class _Field(forms.CharField):
    """A parameter as lrs.parameters reads it."""

    def __init__(self, check: Check, **given: Any) -> None:
        self.check = check
        super().__init__(**given)

    def clean(self, value: Any) -> Any:
        """The parameter's value; None where it is not given."""
        if value is None:
            return None
        super().run_validators(value)
        try:
            return self.check(value, Version.V1)
        except Invalid as problem:
            raise ValidationError(str(problem), code="invalid") from None
        except ValueError as problem:
            raise ValidationError(f"{value[:100]!r} {problem}", code="invalid") from None


class _Filter(django_filters.Filter):
    field_class: type[forms.Field] = _Field


class TimeFilter(_Filter):
    """A time of ISO 8601."""

    def __init__(self, field_name: str, lookup_expr: str, **given: Any) -> None:
        super().__init__(field_name, lookup_expr, check=_moment, **given)


class NumberFilter(_Filter):
    """A number; NaN and infinity are none."""

    field_class = forms.FloatField


class UuidFilter(_Filter):
    """A UUID."""

    def __init__(self, field_name: str, **given: Any) -> None:
        super().__init__(field_name, check=parameters.uuid, **given)


class YesNoFilter(_Filter):
    """true or false."""

    def __init__(self, field_name: str = "", **given: Any) -> None:
        super().__init__(field_name, check=parameters.boolean, **given)


class TextFilter(_Filter):
    """Any text but none."""

    def __init__(self, field_name: str = "", lookup_expr: str = "exact", **given: Any) -> None:
        super().__init__(field_name, lookup_expr, check=_text, **given)


class KindFilter(_Filter):
    """A kind; statements have no other ones (statements.outcome)."""

    def __init__(self, field_name: str = "", **given: Any) -> None:
        label = f"one of {', '.join(_KINDS)}"
        super().__init__(field_name, check=parameters.one_of(*_KINDS), label=label, **given)


def _text(given: str, version: Version) -> str:
    if "\0" in given:
        raise ValueError("has a NUL in it")
    return parameters.text(given, version)


def _moment(given: str, version: Version) -> Any:
    try:
        return parameters.moment(given, version)
    except OverflowError:
        raise ValueError("is before the year 1 or after 9999 in UTC") from None


def identifiers(given: str, version: Version) -> tuple[str, ...]:
    """The identifiers (statements.xapi.actors) that a learner's text may mean.

    An Agent as JSON, an e-mail address, a mailto IRI, a SHA-1 sum, or a kind and a value as reports give it.
    """
    if given.startswith("{"):
        value = parameters.agent(given, version)
        found = actors.identifier(value)
        if found is None:
            raise ValueError("names nobody: an anonymous Group has no identifier")
        return (found,)
    if given.partition(" ")[0] in actors.IDENTIFIERS and " " in given:
        return (_text(given, version),)
    address = _text(given, version).removeprefix("mailto:")
    if validate.agent({"mbox": f"mailto:{address}"}, version, ""):
        raise ValueError("is no e-mail address, no Agent as JSON, and no identifier as reports give it")
    return tuple(dict.fromkeys(f"mbox mailto:{each}" for each in (address, address.lower())))


class Filters(django_filters.FilterSet):
    """Filters of one store; the request says which (`store`). See `read`."""

    @property
    def store(self) -> int:
        """The number of the store that is read."""
        return int(self.request.store)  # type: ignore[union-attr]

    def by_source(self, rows: "QuerySet[Any]", name: str, value: str) -> "QuerySet[Any]":
        """Rows of the credential with this name; none, and no look for any, where there is no such one."""
        credential = Credential.objects.filter(store=self.store, name=value).values_list("pk", flat=True).first()
        return rows.none() if credential is None else rows.filter(credential=credential)

    def by_activity(self, rows: "QuerySet[Any]", name: str, value: str) -> "QuerySet[Any]":
        """Rows about the activity with this IRI."""
        return rows.filter(**{name: keys.thing(self.store, "activity", value)})

    def by_kind(self, rows: "QuerySet[Any]", name: str, value: str) -> "QuerySet[Any]":
        """Rows of this kind: as they say themselves, else as their activities do."""
        such = Activity.objects.filter(store=self.store, key=OuterRef(name), kind=value)
        return rows.filter(Q(kind=value) | Q(Exists(such), kind=""))

    def by_activity_name(self, rows: "QuerySet[Any]", name: str, value: str) -> "QuerySet[Any]":
        """Rows about the activities with this text in their names."""
        return rows.filter(**{f"{name}__in": self.named()})

    def named(self) -> list[Any]:
        """The keys of the activities that `activity_name` means. Raises Invalid where they are too many."""
        meant = catalogue.called_so(self.store, self.form.cleaned_data["activity_name"])
        found = Activity.objects.filter(meant, store=self.store)
        named = list(found.values_list("key", flat=True)[: _MOST_NAMED + 1])
        if len(named) > _MOST_NAMED:
            problem = f"more than {_MOST_NAMED} activities have this in their names; write more of it"
            raise Invalid(Fault("?activity_name", "filter-needed", problem))
        return named

    def identities(self, given: tuple[str, ...]) -> list[Any]:
        """The keys of everything that somebody with one of these identifiers is known by."""
        mine = [keys.thing(self.store, "agent", identifier) for identifier in given]
        persons = Identity.objects.filter(store=self.store, key__in=mine).values_list("person", flat=True)
        known = list(Identity.objects.filter(store=self.store, person__in=list(persons)).values_list("key", flat=True))
        return known or mine


def read(filters: Filters) -> Mapping[str, Any]:
    """The values of the filters that are given. Raises Invalid with a fault for each that is wrong or unknown."""
    faults = [
        Fault(f"?{name}", "unknown-parameter", f"there is no parameter {name[:60]}")
        for name in filters.data or ()
        if name not in filters.filters
    ]
    for name, problems in filters.form.errors.as_data().items():
        faults += [
            Fault(f"?{name}", "parameter", f"the parameter {name}: {sentence}")
            for problem in problems
            for sentence in problem.messages
        ]
    if faults:
        raise Invalid(*faults)
    return {name: value for name, value in filters.form.cleaned_data.items() if value not in (None, "")}


class StatementFilters(Filters):
    """Filters of statements. Those that `conditions` and `anyone` know lead to the statements, others leave out."""

    learner = _Filter(method="by_learner", check=identifiers, label="e-mail address, or Agent as JSON")
    person = UuidFilter("actor", method="by_person", label="key of a person")
    verb = TextFilter("verb", method="by_verb", label="IRI")
    activity = TextFilter("object", method="by_activity", label="IRI")
    activity_name = TextFilter("object", method="by_activity_name", label="text in the activity's name")
    registration = UuidFilter("registration")
    kind = KindFilter("object", method="by_kind")
    source = TextFilter(method="by_source", label="name of a credential")
    platform = TextFilter("platform")
    since = TimeFilter("stored", "gt", label="stored after this")
    until = TimeFilter("stored", "lte", label="stored at or before this")
    timestamp_from = TimeFilter("timestamp", "gte", label="happened at or after this")
    timestamp_until = TimeFilter("timestamp", "lt", label="happened before this")
    completed = YesNoFilter("completed", label="the outcome, whatever form it was sent in")
    completion = YesNoFilter("completion", label="result.completion")
    success = YesNoFilter("success")
    scaled_min = NumberFilter("scaled", "gte")
    scaled_max = NumberFilter("scaled", "lte")
    progress_min = NumberFilter("progress", "gte", label="0 to 100")
    progress_max = NumberFilter("progress", "lte", label="0 to 100")
    has_attachment = YesNoFilter(method="by_attachment")
    has_finding = YesNoFilter(method="by_finding")
    finding = TextFilter(method="by_rule", label="a rule that the statement deviates from")
    voided = YesNoFilter("voided", label="taken-back statements instead of those that hold")

    class Meta:
        model = Statement
        fields: list[str] = []

    def by_learner(self, rows: "QuerySet[Statement]", name: str, value: tuple[str, ...]) -> "QuerySet[Statement]":
        """Statements whose actor this is, or another identifier of theirs."""
        return rows.filter(actor__in=self.identities(value))

    def by_person(self, rows: "QuerySet[Statement]", name: str, value: str) -> "QuerySet[Statement]":
        """Statements whose actor is this person."""
        return rows.filter(actor__in=[key for key, _ in self._known(value)])

    def by_verb(self, rows: "QuerySet[Statement]", name: str, value: str) -> "QuerySet[Statement]":
        """Statements with this verb."""
        return rows.filter(verb=keys.thing(self.store, "verb", value))

    def by_attachment(self, rows: "QuerySet[Statement]", name: str, value: bool) -> "QuerySet[Statement]":
        """Statements with attachments, or without."""
        return rows.filter(attachments__gt=0) if value else rows.filter(attachments=0)

    def by_finding(self, rows: "QuerySet[Statement]", name: str, value: bool) -> "QuerySet[Statement]":
        """Statements with findings, or without."""
        found = Exists(Finding.objects.filter(store=self.store, statement=OuterRef("key")))
        return rows.filter(found if value else ~found)

    def by_rule(self, rows: "QuerySet[Statement]", name: str, value: str) -> "QuerySet[Statement]":
        """Statements that deviate from this rule."""
        return rows.filter(Exists(Finding.objects.filter(store=self.store, statement=OuterRef("key"), rule=value)))

    def conditions(self) -> Iterator[Condition]:
        """What must all be mentioned."""
        asked = self.form.cleaned_data
        if asked["verb"]:
            yield query.verb(self.store, asked["verb"])
        if asked["activity"]:
            yield query.activity(self.store, asked["activity"], related=False)
        if asked["registration"]:
            yield query.registration(self.store, asked["registration"])

    def anyone(self) -> list[Condition] | None:
        """Of which one must be mentioned; None where nothing is asked, and no Condition where nothing can be found."""
        asked = self.form.cleaned_data
        if asked["person"]:
            return [
                query.agent(self.store, identifier, related=False) for _, identifier in self._known(asked["person"])
            ]
        if asked["learner"]:
            return [Condition(_hex(key), (Role.AGENT,)) for key in self.identities(asked["learner"])]
        if asked["activity_name"]:
            return [Condition(_hex(key), (Role.ACTIVITY,)) for key in self.named()]
        return None

    def _known(self, person: str) -> list[tuple[Any, str]]:
        return list(Identity.objects.filter(store=self.store, person=person).values_list("key", "identifier"))


def _hex(key: Any) -> str:
    return key if isinstance(key, str) else str(key.hex)


class ProgressFilters(Filters):
    """Filters of progress."""

    learner = _Filter(method="by_learner", check=identifiers, label="e-mail address, or Agent as JSON")
    person = UuidFilter("person")
    activity = TextFilter("activity", method="by_activity", label="IRI")
    activity_name = TextFilter("activity", method="by_activity_name", label="text in the activity's name")
    registration = UuidFilter("registration")
    kind = KindFilter("activity", method="by_kind")
    status = django_filters.ChoiceFilter(choices=[(status.value, status.value) for status in Status])
    source = TextFilter(method="by_source", label="name of a credential")
    platform = TextFilter("platform")
    active_from = TimeFilter("last_activity", "gte", label="last active at or after this")
    active_until = TimeFilter("last_activity", "lt", label="last active before this")
    completed = YesNoFilter(method="by_completed")
    completed_from = TimeFilter("completed_at", "gte")
    completed_until = TimeFilter("completed_at", "lt")
    success = YesNoFilter("success")
    score_min = NumberFilter("score", "gte")
    score_max = NumberFilter("score", "lte")
    progress_min = NumberFilter("progress", "gte", label="0 to 100")
    progress_max = NumberFilter("progress", "lte", label="0 to 100")

    class Meta:
        model = Progress
        fields: list[str] = []

    def by_learner(self, rows: "QuerySet[Progress]", name: str, value: tuple[str, ...]) -> "QuerySet[Progress]":
        """Progress of whoever has this identifier."""
        mine = [keys.thing(self.store, "agent", identifier) for identifier in value]
        persons = Identity.objects.filter(store=self.store, key__in=mine).values_list("person", flat=True)
        return rows.filter(person__in=list(persons))

    def by_completed(self, rows: "QuerySet[Progress]", name: str, value: bool) -> "QuerySet[Progress]":
        """Progress that was completed, or was not."""
        return rows.filter(completed_at__isnull=not value)


class PersonFilters(Filters):
    """Filters of people."""

    learner = _Filter(method="by_learner", check=identifiers, label="e-mail address, or Agent as JSON")
    person = UuidFilter("key")
    name = TextFilter("name", "icontains", label="text in the name")
    reference = TextFilter("reference")

    class Meta:
        model = Person
        fields: list[str] = []

    def by_learner(self, rows: "QuerySet[Person]", name: str, value: tuple[str, ...]) -> "QuerySet[Person]":
        """Whoever has this identifier."""
        mine = [keys.thing(self.store, "agent", identifier) for identifier in value]
        persons = Identity.objects.filter(store=self.store, key__in=mine).values_list("person", flat=True)
        return rows.filter(key__in=list(persons))


class ActivityFilters(Filters):
    """Filters of activities."""

    activity = TextFilter("key", method="by_activity", label="IRI")
    name = TextFilter(method="by_name", label="text in the name")
    kind = KindFilter("kind")

    class Meta:
        model = Activity
        fields: list[str] = []

    def by_name(self, rows: "QuerySet[Activity]", name: str, value: str) -> "QuerySet[Activity]":
        """Activities that are called so."""
        return rows.filter(catalogue.called_so(self.store, value))


class SummaryFilters(Filters):
    """What a summary counts."""

    count = django_filters.ChoiceFilter(
        method="take", choices=[(stats.STATEMENTS, stats.STATEMENTS), (stats.COMPLETIONS, stats.COMPLETIONS)],
        label="statements by when they were stored (default), or completions by when they happened",
    )  # fmt: skip
    period = django_filters.ChoiceFilter(
        method="take", choices=[(period, period) for period in stats.PERIODS], label="month where nothing is said"
    )
    by = _Filter(method="take", check=lambda given, version: _words(given), label="of verb, source, kind, activity")
    since = TimeFilter("stored", "gte", label="at or after this")
    until = TimeFilter("stored", "lt", label="before this")
    kind = KindFilter("kind")
    source = TextFilter(method="by_source", label="name of a credential")
    activity = TextFilter("object", method="by_activity", label="IRI")

    class Meta:
        model = Statement
        fields: list[str] = []

    def take(self, rows: "QuerySet[Any]", name: str, value: Any) -> "QuerySet[Any]":
        """Nothing is left out by this one."""
        return rows


def _words(given: str) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(word.strip() for word in given.split(",") if word.strip()))
    wrong = [word for word in words if word not in ("verb", "source", "kind", "activity")]
    if wrong or not words:
        raise ValueError("is not one or several, parted by commas, of verb, source, kind, activity")
    return words


class RefusalFilters(Filters):
    """Filters of refused requests."""

    source = TextFilter(method="by_source", label="name of a credential")
    state = django_filters.ChoiceFilter(choices=Refusal.State.choices)
    reason = TextFilter("kind__fingerprint", label="fingerprint that refusals for the same reason share")

    class Meta:
        model = Refusal
        fields: list[str] = []

    def by_source(self, rows: "QuerySet[Any]", name: str, value: str) -> "QuerySet[Any]":
        """Those of the credential with this name."""
        return rows.filter(Q(credential__name=value))


class CredentialFilters(Filters):
    """Filters of sources and connections."""

    source = TextFilter("name", label="name of a credential")

    class Meta:
        model = Credential
        fields: list[str] = []

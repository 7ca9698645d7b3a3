"""A company's year of learning from every source, made from a seed: the same seed and day make the same statements.

They are sent through the door that everything comes in by, by a credential for each source, into a store of their own.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson

from lrs import auth, credentials
from lrs.models import Credential
from statements import people, progress
from statements.ingest import Source, ingest
from statements.outcome import PROGRESS
from statements.people import Together
from statements.xapi import actors, text
from statements.xapi.versions import Version

BATCH = 1000
DAYS = 365

_VERBS = "http://adlnet.gov/expapi/verbs/"
_UNREGISTERED = "http://id.tincanapi.com/verb/unregistered"
_ROLLED_BACK = "http://activitystrea.ms/unsatisfy"
_TYPES = {
    "course": "http://adlnet.gov/expapi/activities/course",
    "collection": "http://activitystrea.ms/schema/1.0/collection",
    "learning path": "https://w3id.org/xapi/acrossx/activities/learning-plan",
    "certification": "https://w3id.org/xapi/cred/activities/credential",
    "webinar": "https://w3id.org/xapi/virtual-classroom/activity-types/virtual-classroom",
    "lesson": "http://adlnet.gov/expapi/activities/lesson",
}
_TOPICS = (
    "Data protection", "Leading a team", "Python for analysts", "Safety at work", "Writing for the web",
    "Negotiation", "SQL in an hour", "First aid", "Project planning", "日本語入門",
)  # fmt: skip
_GIVEN = ("Ana", "Björn", "Chloé", "Dmitri", "Emine", "Farid", "Grace", "Hiroko", "Inés", "João", "Łukasz")
_FAMILY = ("Abe", "Becker", "Costa", "Dubois", "Eriksen", "Fischer", "García", "Haddad", "Ivanova", "Jansen")

Json = dict[str, Any]


class Sender(NamedTuple):
    """A source: its credential's name and profile, its share among 100 statements, and what makes one of them."""

    name: str
    profile: str
    share: int
    make: Callable[["Company", Random], Json]


@dataclass(frozen=True)
class Company:
    """Who learns, and the day on which the year ends."""

    seed: int
    learners: int
    end: date

    def statement(self, number: int) -> tuple[Sender, Json]:
        """Statement `number` and whose it is; 1 in 500 voids the one before it that is not a voiding one."""
        if number % 500 == 499:
            sender, target = self.statement(number - 1)
            return sender, self._voiding(number, target)
        dice = Random(f"{self.seed} {number}")
        sender = dice.choices(SENDERS, [each.share for each in SENDERS])[0]
        # As many as there are by then: what a statement says must not depend on how many follow.
        made = sender.make(replace(self, learners=_learners(number)), dice)
        return sender, {"id": self.id(f"statement {number}"), "timestamp": self.moment(dice), **made}

    def id(self, name: str) -> str:
        """A UUID of this company's."""
        return str(uuid5(_namespace(self.seed, self.end), name))

    def moment(self, dice: Random) -> str:
        """A time within the year, to the millisecond."""
        end = datetime.combine(self.end, time(), UTC)
        at = end - timedelta(milliseconds=dice.randrange(1, DAYS * 24 * 3600 * 1000))
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def learner(self, dice: Random) -> int:
        """A learner's number; the low ones learn more."""
        return int(self.learners * dice.random() ** 2)

    def name(self, learner: int) -> str:
        """A learner's name."""
        return f"{_GIVEN[learner % len(_GIVEN)]} {_FAMILY[learner // len(_GIVEN) % len(_FAMILY)]}"

    def mail(self, learner: int) -> Json:
        """The Agent of those who know a learner's address."""
        return {"objectType": "Agent", "name": self.name(learner), "mbox": f"mailto:learner{learner:05}@demo.example"}

    def account(self, learner: int) -> Json:
        """The Agent of Adobe Learning Manager, which sends no address."""
        home = "https://learningmanager.adobe.com/app/learner?accountId=1001"
        return {"objectType": "Agent", "account": {"homePage": home, "name": str(7_000_000 + learner)}}

    def _voiding(self, number: int, target: Json) -> Json:
        at = datetime.fromisoformat(target["timestamp"]) + timedelta(minutes=1)
        return {
            "id": self.id(f"statement {number}"),
            "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "actor": {"objectType": "Agent", "mbox": "mailto:administrator@demo.example"},
            "verb": {"id": f"{_VERBS}voided", "display": {"en-US": "voided"}},
            "object": {"objectType": "StatementRef", "id": target["id"]},
        }


def _learners(statements: int) -> int:
    return max(10, min(2000, statements // 50))


def _namespace(seed: int, end: date) -> UUID:
    return uuid5(NAMESPACE_URL, f"https://demo.example/{seed}/{end.isoformat()}")


def _verb(name: str) -> Json:
    iri = {"unregistered": _UNREGISTERED, "unsatisfied": _ROLLED_BACK}.get(name, _VERBS + name)
    return {"id": iri, "display": {"en-US": name}}


def _activity(id: str, type: str, name: str) -> Json:
    return {"objectType": "Activity", "id": id, "definition": {"type": _TYPES[type], "name": {"en-US": name}}}


def _udemy(company: Company, dice: Random) -> Json:
    """As the help centre describes it; one in fifty deviates, and becomes a finding."""
    course, path = dice.randrange(40), dice.random() < 0.1
    done = dice.random() < 0.2
    percent = 100 if done else dice.randrange(1, 100)
    odd = dice.random() < 0.02
    if path:
        address = f"https://demo.udemy.com/learning-paths/{2_900_000 + course}"
        thing = _activity(address, "collection", f"{_TOPICS[course % 10]}: the path")
        result: Json = {"completion": done, "extensions": {} if odd else {PROGRESS: percent}}
    else:
        address = f"https://www.udemy.com/course/{530_000 + course}"
        thing = _activity(address, "course", f"{_TOPICS[course % 10]} {course}")
        result = {"completion": done} if odd else {"completion": done, "score": {"scaled": percent / 100}}
    verb = _verb("completed" if done else "progressed")
    return {"actor": company.mail(company.learner(dice)), "verb": verb, "object": thing, "result": result}


def _alm(company: Company, dice: Random) -> Json:
    verbs = ("registered", "progressed", "completed", "unregistered", "unsatisfied")
    said = dice.choices(verbs, (25, 50, 20, 4, 1))[0]
    type = dice.choices(("course", "learning path", "certification"), (70, 20, 10))[0]
    number, learner = dice.randrange(30), company.learner(dice)
    thing = f"https://learningmanager.adobe.com/primeapi/v2/learningObjects/{type.replace(' ', '')}:{number}"
    result: Json = {}
    if said == "progressed":
        result = {"result": {"completion": False, "extensions": {PROGRESS: dice.randrange(1, 100)}}}
    elif said == "completed":
        result = {"result": {"completion": True, "success": dice.random() < 0.9}}
    elif said == "unsatisfied":
        result = {"result": {"completion": False}}
    return {
        "actor": company.account(learner),
        "verb": _verb(said),
        "object": _activity(thing, type, f"{_TOPICS[number % 10]} ({type} {number})"),
        **result,
        "context": {
            "registration": company.id(f"alm {type} {number} {learner}"),
            "platform": "Adobe Learning Manager",
        },
    }


def _khalibre(company: Company, dice: Random) -> Json:
    said = dice.choices(("registered", "progressed", "completed", "failed"), (20, 50, 25, 5))[0]
    number = dice.randrange(20)
    results: Mapping[str, Json] = {
        "registered": {},
        "progressed": {"result": {"completion": False, "extensions": {PROGRESS: dice.randrange(1, 100)}}},
        "completed": {"result": {"completion": True}},
        "failed": {"result": {"completion": True, "success": False}},
    }
    return {
        "actor": company.mail(company.learner(dice)),
        "verb": _verb(said),
        "object": _activity(
            f"https://khalibre.demo.example/o/kh-gateway/lms/course/{number}", "course", f"{_TOPICS[number % 10]} live"
        ),
        **results[said],
        "context": {"platform": "Khalibre"},
    }


def _webinar(platform: str) -> Callable[[Company, Random], Json]:
    """Registrations, attendance and, at the end, a quiz."""

    def make(company: Company, dice: Random) -> Json:
        said = dice.choices(("registered", "attended", "passed", "failed"), (40, 40, 15, 5))[0]
        number = dice.randrange(12)
        minutes, raw = dice.randrange(5, 90), dice.randrange(0, 50) if said == "failed" else dice.randrange(50, 101)
        results: Mapping[str, Json] = {
            "registered": {},
            "attended": {"result": {"duration": f"PT{minutes}M"}},
            "passed": {"result": {"success": True, "score": {"scaled": raw / 100, "raw": raw, "min": 0, "max": 100}}},
            "failed": {"result": {"success": False, "score": {"scaled": raw / 100, "raw": raw, "min": 0, "max": 100}}},
        }
        room = f"https://webinars.demo.example/{platform.lower().replace(' ', '-')}/{number}"
        return {
            "actor": company.mail(company.learner(dice)),
            "verb": _verb(said),
            "object": _activity(room, "webinar", f"{_TOPICS[number % 10]}, webinar {number}"),
            **results[said],
            "context": {"platform": platform},
        }

    return make


def _content(company: Company, dice: Random) -> Json:
    """Lessons of an authoring tool, which speaks xAPI itself."""
    said = dice.choices(("initialized", "progressed", "passed", "failed", "completed"), (30, 30, 15, 5, 20))[0]
    course, lesson, learner = dice.randrange(10), dice.randrange(8), company.learner(dice)
    scaled = dice.randrange(0, 50) / 100 if said == "failed" else dice.randrange(50, 101) / 100
    results: Mapping[str, Json] = {
        "initialized": {},
        "progressed": {"result": {"extensions": {PROGRESS: dice.randrange(1, 100)}}},
        "passed": {"result": {"success": True, "score": {"scaled": scaled}}},
        "failed": {"result": {"success": False, "score": {"scaled": scaled}}},
        "completed": {"result": {"completion": True, "duration": f"PT{dice.randrange(1, 60)}M"}},
    }
    home = f"https://content.demo.example/courses/{course}"
    return {
        "actor": company.mail(learner),
        "verb": _verb(said),
        "object": _activity(f"{home}/lessons/{lesson}", "lesson", f"{_TOPICS[course]}, lesson {lesson + 1}"),
        **results[said],
        "context": {
            "registration": company.id(f"content {course} {learner}"),
            "language": "en-GB",
            "contextActivities": {"parent": [_activity(home, "course", _TOPICS[course])]},
        },
    }


SENDERS = (
    Sender("Udemy Business", "udemy", 30, _udemy),
    Sender("Adobe Learning Manager", "", 25, _alm),
    Sender("Khalibre", "", 10, _khalibre),
    Sender("BigBlueButton", "", 3, _webinar("BigBlueButton")),
    Sender("Zoom", "", 5, _webinar("Zoom")),
    Sender("Microsoft Teams", "", 5, _webinar("Microsoft Teams")),
    Sender("Digital Samba", "", 2, _webinar("Digital Samba")),
    Sender("eTutorium", "", 3, _webinar("eTutorium")),
    Sender("Vatra", "", 2, _webinar("Vatra")),
    Sender("Course content", "", 15, _content),
)


def fill(store: str, statements: int, *, seed: int, end: date, say: Callable[[int], None]) -> int:
    """Send so many statements into a store, link who has two identifiers, and bring the progress up to date.

    The store's number. `say` is told how many there are, now and then. What was sent before is not doubled. Raises
    Conflict where the store has statements of another release's demo.
    """
    company = Company(seed, _learners(statements), end)
    sources = {sender.name: _source(store, sender) for sender in SENDERS}
    for done, batches in _batches(company, statements):
        for name, batch in batches.items():
            given = text.cut(orjson.dumps(batch), nesting=64, most=BATCH)
            ingest(given, source=sources[name], version=Version.V1)
        say(done)
    tenant = next(iter(sources.values())).tenant
    _link(tenant.store, company)
    progress.follow(tenant.store)
    return tenant.store


def _batches(company: Company, statements: int) -> Iterator[tuple[int, dict[str, list[Json]]]]:
    for begin in range(0, statements, BATCH):
        end = min(begin + BATCH, statements)
        batches: dict[str, list[Json]] = {}
        for number in range(begin, end):
            sender, statement = company.statement(number)
            batches.setdefault(sender.name, []).append(statement)
        yield end, batches


def _source(store: str, sender: Sender) -> Source:
    name = f"{sender.name} ({store})"
    credential = Credential.objects.select_related("store").filter(name=name).first()
    if credential is None:
        credential = credentials.create(name, store=store, profile=sender.profile).credential
    caller = auth.caller_of(credential)
    return Source(caller.tenant, caller.credential, caller.authority, caller.practice)


def _link(store: int, company: Company) -> None:
    """Half of the learners are known by address and by account."""
    identifiers = [
        (actors.identifier(company.mail(learner)) or "", actors.identifier(company.account(learner)) or "")
        for learner in range(0, company.learners, 2)
    ]
    people.link_all(store, [Together(pair) for pair in identifiers], how=people.How.IMPORT, by="demo")

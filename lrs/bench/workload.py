"""Statements as learning platforms send them, made from a seed: the same seed and run make the same bytes.

A statement is about 1.3 KB and names 6.3 things on average: actor, verb, object, registration, the course as
parent, the run as category, and in three of ten an instructor. The authority an LRS adds comes on top.
Popularity is skewed as in life: the first of 1000 learners has a tenth of all statements.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from random import Random
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson

LEARNERS = 1_000
COURSES = 50
LESSONS = 20
INSTRUCTORS = 25
UDEMY_COURSES = 20
# Definitions change in life: a store that updates them in the order they come can deadlock.
EDITED_ONCE_IN = 50

BEGIN = datetime(2025, 1, 6, 7, tzinfo=UTC)
YEAR = 365 * 24 * 3600

PROFILE = "http://adlnet.gov/expapi/activities/profile"
PROGRESS = "https://w3id.org/xapi/cmi5/result/extensions/progress"

# Verb, how often among 100, whether the result has a score.
VERBS = (
    ("http://adlnet.gov/expapi/verbs/progressed", "progressed", 40, False),
    ("http://adlnet.gov/expapi/verbs/experienced", "experienced", 20, False),
    ("http://adlnet.gov/expapi/verbs/answered", "answered", 15, True),
    ("http://adlnet.gov/expapi/verbs/completed", "completed", 10, True),
    ("http://adlnet.gov/expapi/verbs/passed", "passed", 6, True),
    ("http://adlnet.gov/expapi/verbs/failed", "failed", 3, True),
    ("http://adlnet.gov/expapi/verbs/registered", "registered", 3, False),
    ("http://adlnet.gov/expapi/verbs/attended", "attended", 3, False),
)
VERB_WEIGHTS = tuple(weight for _, _, weight, _ in VERBS)

GIVEN = ("Ana", "Björn", "Chloé", "Dmitri", "Emine", "Farid", "Grace", "Hiroko", "Inés", "João", "Łukasz")
FAMILY = ("Abe", "Becker", "Costa", "Dubois", "Eriksen", "Fischer", "García", "Haddad", "Ivanova", "Jansen")
TOPICS = ("Data protection", "Leading a team", "Python for analysts", "Safety at work", "Writing for the web")


class Made(NamedTuple):
    """A request body and what it holds: the ids in order, and the activity each statement is listed under."""

    body: bytes
    ids: tuple[str, ...]
    homes: tuple[str, ...]


@dataclass(frozen=True)
class Workload:
    """Everything one run sends. Statement number n is always the same, and no two runs share an id."""

    run: str
    seed: int

    @cached_property
    def namespace(self) -> UUID:
        """The UUID namespace of this run's ids."""
        return uuid5(NAMESPACE_URL, f"https://bench.example/runs/{self.run}/{self.seed}")

    @cached_property
    def home(self) -> str:
        """The activity (category) that every full statement of this run carries."""
        return f"https://bench.example/runs/{self.namespace.hex[:12]}"

    def statement(self, number: int) -> dict[str, Any]:
        """One full statement of about 1.3 KB."""
        dice = Random((self.seed << 40) + number)
        learner, course, lesson = skewed(dice, LEARNERS), skewed(dice, COURSES), skewed(dice, LESSONS)
        verb, display, _, scored = dice.choices(VERBS, VERB_WEIGHTS)[0]
        context: dict[str, Any] = {
            "registration": self.registration(learner, course),
            "platform": "Bench Academy",
            "language": "en-GB",
            "contextActivities": {
                "parent": [self.course(course)],
                "category": [{"id": self.home, "definition": {"type": PROFILE}}],
            },
            "extensions": {"https://bench.example/extensions/session": f"{dice.getrandbits(64):016x}"},
        }
        if dice.random() < 0.3:
            context["instructor"] = self.instructor(course % INSTRUCTORS)
        return {
            "id": self.id(number),
            "actor": self.learner(learner),
            "verb": {"id": verb, "display": {"en-US": display}},
            "object": self.lesson(course, lesson, edited=dice.randrange(EDITED_ONCE_IN) == 0),
            "result": scored_result(dice, display) if scored else progress_result(dice),
            "context": context,
            "timestamp": instant(dice),
        }

    def udemy(self, number: int) -> dict[str, Any]:
        """A course-progressed statement in the shape that Udemy Business sends: no context, about 0.5 KB."""
        dice = Random((self.seed << 40) + number)
        course = dice.randrange(UDEMY_COURSES)
        return {
            "id": self.id(number),
            "actor": {"objectType": "Agent", "mbox": self.address(skewed(dice, LEARNERS))},
            "verb": {"id": VERBS[0][0], "display": {"en-US": VERBS[0][1]}},
            "object": {
                "objectType": "Activity",
                "id": self.udemy_course(course),
                "definition": {
                    "type": "http://adlnet.gov/expapi/activities/course",
                    "name": {"en-US": f"{TOPICS[course % len(TOPICS)]}: the complete course"},
                },
            },
            "result": {"completion": False, "score": {"scaled": dice.randrange(100) / 100}},
            "timestamp": instant(dice),
        }

    def id(self, number: int) -> str:
        """The statement id of a number."""
        return str(uuid5(self.namespace, f"statement {number}"))

    def learner(self, rank: int) -> dict[str, Any]:
        """The Agent of a learner, rank 0 the busiest; three of ten are known by an account."""
        name = f"{GIVEN[rank % len(GIVEN)]} {FAMILY[rank % len(FAMILY)]}"
        if rank % 10 < 3:
            account = f"E{self.namespace.fields[0]}-{rank:05}"
            return {
                "objectType": "Agent",
                "name": name,
                "account": {"homePage": "https://people.bench.example", "name": account},
            }
        return {"objectType": "Agent", "name": name, "mbox": self.address(rank)}

    def address(self, rank: int) -> str:
        """The mailto IRI of a learner, this run's own."""
        return f"mailto:learner{rank:05}@{self.namespace.hex[:12]}.bench.example"

    def instructor(self, rank: int) -> dict[str, Any]:
        """The Agent of an instructor."""
        domain = f"{self.namespace.hex[:12]}.bench.example"
        return {"objectType": "Agent", "mbox": f"mailto:instructor{rank:02}@{domain}"}

    def course(self, rank: int) -> dict[str, Any]:
        """The Activity of a course, rank 0 the most popular."""
        return {
            "id": f"{self.home}/courses/{rank:03}",
            "definition": {
                "type": "http://adlnet.gov/expapi/activities/course",
                "name": {"en-GB": f"{TOPICS[rank % len(TOPICS)]} {rank}"},
            },
        }

    def lesson(self, course: int, rank: int, *, edited: bool = False) -> dict[str, Any]:
        """The Activity of a lesson in a course, rank 0 the most popular; some senders know an edited description."""
        topic = TOPICS[course % len(TOPICS)]
        about = "What it is about, and another question." if edited else "What it is about, why, and a question."
        return {
            "objectType": "Activity",
            "id": f"{self.home}/courses/{course:03}/lessons/{rank:02}",
            "definition": {
                "type": "http://adlnet.gov/expapi/activities/lesson",
                "name": {"en-GB": f"{topic}, lesson {rank + 1}", "fr-FR": f"{topic}, leçon {rank + 1}"},
                "description": {"en-GB": about},
            },
        }

    def udemy_course(self, rank: int) -> str:
        """The id of one of this run's courses in the catalogue at udemy.com."""
        return f"https://www.udemy.com/course/{self.namespace.fields[0]}{rank:02}"

    def registration(self, learner: int, course: int) -> str:
        """The registration of a learner's attempt at a course."""
        return str(uuid5(self.namespace, f"registration {learner} {course}"))

    def one(self, number: int) -> Made:
        """The body of a single POST."""
        return single(self.statement(number), self.home)

    def one_udemy(self, number: int) -> Made:
        """The body of a single Udemy-like POST."""
        given = self.udemy(number)
        return single(given, given["object"]["id"])

    def many(self, numbers: Iterable[int]) -> Made:
        """The body of one POST of several statements."""
        statements = [self.statement(number) for number in numbers]
        ids = tuple(str(given["id"]) for given in statements)
        return Made(orjson.dumps(statements), ids, (self.home,) * len(ids))


def single(given: Mapping[str, Any], home: str) -> Made:
    """A body of one statement."""
    return Made(orjson.dumps(given), (str(given["id"]),), (home,))


def skewed(dice: Random, size: int) -> int:
    """A rank below `size`, the low ones far more often."""
    return int(size * dice.random() ** 3)


def instant(dice: Random) -> str:
    """A timestamp within one year, to the millisecond. Not the clock's: a run can be repeated to the byte."""
    at = BEGIN + timedelta(seconds=dice.randrange(YEAR), milliseconds=dice.randrange(1000))
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def scored_result(dice: Random, display: str) -> dict[str, Any]:
    """The result of a test: score, success, duration, the answer given."""
    raw = dice.randrange(0, 50) if display == "failed" else dice.randrange(50, 101)
    return {
        "score": {"scaled": raw / 100, "raw": raw, "min": 0, "max": 100},
        "success": raw >= 50,
        "completion": display in ("completed", "passed"),
        "duration": f"PT{dice.randrange(1, 59)}M{dice.randrange(60)}S",
        "response": " ".join(dice.choices(TOPICS, k=2)),
    }


def progress_result(dice: Random) -> dict[str, Any]:
    """The result of some progress: 0..99 in the extension, time spent."""
    return {
        "completion": False,
        "duration": f"PT{dice.randrange(1, 59)}M{dice.randrange(60)}S",
        "extensions": {PROGRESS: dice.randrange(100)},
    }


def mentions(given: Mapping[str, Any]) -> int:
    """How many things a statement of this module names: the rows an index of its references needs."""
    context = given.get("context", {})
    activities: Mapping[str, Sequence[object]] = context.get("contextActivities", {})
    named = ("registration" in context) + ("instructor" in context)
    return 3 + named + sum(len(places) for places in activities.values())

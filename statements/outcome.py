"""What a statement says of a learner's standing, whatever form its sender gave it: kind of thing, how far, done.

Pure, and the single place of this normal form. Several types stand for one kind, so that a Udemy Collection and an
Adobe learning path report together.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

PROGRESS = "https://w3id.org/xapi/cmi5/result/extensions/progress"

COURSE = "course"
LEARNING_PATH = "learning_path"
KINDS = {
    "http://adlnet.gov/expapi/activities/course": COURSE,
    "http://activitystrea.ms/schema/1.0/collection": LEARNING_PATH,
    "http://activitystrea.ms/collection": LEARNING_PATH,
    "https://w3id.org/xapi/acrossx/activities/learning-plan": LEARNING_PATH,
    "https://w3id.org/xapi/cred/activities/credential": "certification",
    "https://w3id.org/xapi/virtual-classroom/activity-types/virtual-classroom": "webinar",
    "http://id.tincanapi.com/activitytype/webinar": "webinar",
    "http://id.tincanapi.com/activitytype/conference-session": "webinar",
    "http://adlnet.gov/expapi/activities/meeting": "webinar",
    "http://adlnet.gov/expapi/activities/module": "module",
    "http://adlnet.gov/expapi/activities/lesson": "lesson",
    "http://adlnet.gov/expapi/activities/assessment": "assessment",
    "http://adlnet.gov/expapi/activities/media": "media",
}
# Udemy says "of type course" and "of type Collection" and does not publish the IRIs: the last word of any type counts.
WORDS = {"course": COURSE, "collection": LEARNING_PATH, "learning-path": LEARNING_PATH}
# Where the type says nothing, the address does: https://www.udemy.com/course/533682, .../learning-paths/2903050.
_ADDRESSES = (
    (re.compile(r"/course/[^/?#]+/?(?:[?#].*)?$"), COURSE),
    (re.compile(r"/learning-paths/[^/?#]+/?(?:[?#].*)?$"), LEARNING_PATH),
)

PROGRESSED = "http://adlnet.gov/expapi/verbs/progressed"
COMPLETED = "http://adlnet.gov/expapi/verbs/completed"
_VERBS = {PROGRESSED: "progressed", COMPLETED: "completed"}


class Outcome(NamedTuple):
    """`kind` is a value of KINDS or empty; `progress` is 0 to 100; `completed` is None where nothing is said."""

    kind: str
    progress: float | None
    completed: bool | None


def of(statement: Mapping[str, Any]) -> Outcome:
    """The outcome of a valid statement."""
    result = statement.get("result") or {}
    said = verb(statement["verb"]["id"])
    completed = _completed(said, result.get("completion"))
    found = kind(statement["object"])
    return Outcome(found, _progress(said, found, result, completed), completed)


def kind(thing: Mapping[str, Any]) -> str:
    """The kind of a statement's object: by its type, by the last word of its type, by its address; else empty."""
    definition = thing.get("definition") or {}
    type = definition.get("type", "")
    found = KINDS.get(type) or WORDS.get(word(type).lower())
    if found is not None:
        return found
    address = thing.get("id", "")
    return next((kind for form, kind in _ADDRESSES if form.search(address)), "")


def verb(iri: str) -> str:
    """The last word of a verb's IRI: Udemy says "progressed" and "completed" and does not publish the IRIs."""
    return _VERBS.get(iri) or word(iri)


def word(iri: str) -> str:
    """What stands behind the last slash or number sign, or the whole of a bare word."""
    return iri.rpartition("/")[2].rpartition("#")[2]


def percentages(extensions: Mapping[str, Any]) -> dict[str, float]:
    """The extensions that are a number from 0 to 100, also as text or as a scaled score, by their keys."""
    return {key: percent for key, value in extensions.items() if (percent := _percent(_scaled(value))) is not None}


def _scaled(value: Any) -> Any:
    """What an extension says: itself, or the scaled score in it.

    Udemy's German text has the percentage "in extension objects as a scaled score between 0 and 100".
    """
    score = value.get("score", value) if isinstance(value, dict) else None
    return score.get("scaled") if isinstance(score, dict) else value


def _completed(verb: str, completion: bool | None) -> bool | None:
    if completion is None and verb == "completed":
        return True
    return completion


def _progress(verb: str, kind: str, result: Mapping[str, Any], completed: bool | None) -> float | None:
    extensions = result.get("extensions") or {}
    stated = _percent(extensions.get(PROGRESS))
    if stated is None and extensions and kind == LEARNING_PATH and verb in ("progressed", "completed"):
        # Udemy's key is not published; what is published is that a path has one percentage in an extension.
        found = percentages(extensions)
        stated = next(iter(found.values())) if len(found) == 1 else None
    if stated is not None:
        return stated
    if verb == "completed" and completed:
        return 100.0
    # Udemy and others say how far a course is with a scaled score; with any other verb a score is a mark, not a way.
    scaled: float | None = (result.get("score") or {}).get("scaled")
    if verb == "progressed" and scaled is not None and 0 <= scaled <= 1:
        return round(100.0 * scaled, 6)
    return None


def _percent(value: object) -> float | None:
    """A number from 0 to 100, also where it is written as a string (LinkedIn Learning sends both)."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        percent = float(value)
    except (ValueError, OverflowError):
        return None
    return percent if math.isfinite(percent) and 0 <= percent <= 100 else None

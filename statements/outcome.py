"""What a statement says of a learner's standing, whatever form its sender gave it: kind of thing, how far, done.

Pure. Several type IRIs stand for one kind, so that a Udemy Collection and an Adobe learning path report together.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

PROGRESS = "https://w3id.org/xapi/cmi5/result/extensions/progress"

KINDS = {
    "http://adlnet.gov/expapi/activities/course": "course",
    "http://activitystrea.ms/schema/1.0/collection": "learning_path",
    "http://activitystrea.ms/collection": "learning_path",
    "https://w3id.org/xapi/acrossx/activities/learning-plan": "learning_path",
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

PROGRESSED = "http://adlnet.gov/expapi/verbs/progressed"
COMPLETED = "http://adlnet.gov/expapi/verbs/completed"


class Outcome(NamedTuple):
    """`kind` is a value of KINDS or empty; `progress` is 0 to 100; `completed` is None where nothing is said."""

    kind: str
    progress: float | None
    completed: bool | None


def of(statement: Mapping[str, Any]) -> Outcome:
    """The outcome of a valid statement."""
    definition = statement["object"].get("definition") or {}
    result = statement.get("result") or {}
    verb = statement["verb"]["id"]
    completed = _completed(verb, result.get("completion"))
    return Outcome(KINDS.get(definition.get("type", ""), ""), _progress(verb, result, completed), completed)


def _completed(verb: str, completion: bool | None) -> bool | None:
    if completion is None and verb == COMPLETED:
        return True
    return completion


def _progress(verb: str, result: Mapping[str, Any], completed: bool | None) -> float | None:
    stated = _percent((result.get("extensions") or {}).get(PROGRESS))
    if stated is not None:
        return stated
    if verb == COMPLETED and completed:
        return 100.0
    # Udemy and others say how far a course is with a scaled score; with any other verb a score is a mark, not a way.
    scaled: float | None = (result.get("score") or {}).get("scaled")
    if verb == PROGRESSED and scaled is not None and 0 <= scaled <= 1:
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
    return percent if 0 <= percent <= 100 else None

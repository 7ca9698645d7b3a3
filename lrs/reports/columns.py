"""What each report gives: the same columns in JSON, CSV, NDJSON and Parquet, named as in the SQL views."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple


class Type(StrEnum):
    """What stands in a column; times are UTC."""

    TEXT = "text"
    UUID = "uuid"
    TIME = "time"
    NUMBER = "number"
    WHOLE = "whole number"
    BOOLEAN = "true or false"


class Column(NamedTuple):
    """A column and what it says; every one may be empty."""

    name: str
    type: Type
    meaning: str


Row = dict[str, Any]
_TEXT, _UUID, _TIME, _NUMBER, _WHOLE, _BOOLEAN = Type

STATEMENTS = (
    Column("id", _UUID, "of the statement"),
    Column("stored", _TIME, "when it was stored"),
    Column("timestamp", _TIME, "when it happened, as its sender says"),
    Column("voided", _BOOLEAN, "whether another statement took it back"),
    Column("voids", _UUID, "id of the statement that this one takes back"),
    Column("person", _UUID, "whose it is, whatever identifier it names"),
    Column("person_name", _TEXT, "the person's name"),
    Column("learner", _TEXT, "the actor's identifier: kind, space, value"),
    Column("verb", _TEXT, "IRI"),
    Column("verb_name", _TEXT, "as displayed"),
    Column("activity", _TEXT, "IRI, where the object is an activity"),
    Column("activity_name", _TEXT, "as its definition says, else the catalogue's title"),
    Column("kind", _TEXT, "course, learning_path, certification, webinar, lesson, ..."),
    Column("registration", _UUID, "the attempt or enrolment"),
    Column("completion", _BOOLEAN, "result.completion as sent"),
    Column("success", _BOOLEAN, "result.success as sent"),
    Column("scaled", _NUMBER, "result.score.scaled, -1 to 1"),
    Column("raw", _NUMBER, "result.score.raw"),
    Column("min", _NUMBER, "result.score.min"),
    Column("max", _NUMBER, "result.score.max"),
    Column("progress", _NUMBER, "0 to 100, whatever form it was sent in"),
    Column("completed", _BOOLEAN, "the outcome, whatever form it was sent in"),
    Column("duration", _NUMBER, "seconds"),
    Column("platform", _TEXT, "context.platform"),
    Column("language", _TEXT, "context.language"),
    Column("source", _TEXT, "name of the credential that sent it"),
    Column("attachments", _WHOLE, "how many"),
    Column("findings", _WHOLE, "how many deviations from its sender's profile"),
)
# Given only where `fields` names it.
STATEMENT_TEXT = Column("statement", _TEXT, "the whole statement, as JSON text")
PROGRESS = (
    Column("person", _UUID, "who"),
    Column("person_name", _TEXT, "the person's name"),
    Column("person_reference", _TEXT, "what the organisation calls them"),
    Column("activity", _TEXT, "IRI"),
    Column("activity_name", _TEXT, "as its definition says, else the catalogue's title"),
    Column("kind", _TEXT, "course, learning_path, certification, webinar, lesson, ..."),
    Column("registration", _UUID, "the attempt or enrolment"),
    Column("status", _TEXT, "registered, in_progress, passed, completed, failed or unregistered"),
    Column("source", _TEXT, "name of the credential that sent the latest statement"),
    Column("platform", _TEXT, "of the latest statement"),
    Column("first_seen", _TIME, "timestamp of the earliest statement"),
    Column("last_activity", _TIME, "timestamp of the latest statement"),
    Column("progress", _NUMBER, "the latest, 0 to 100"),
    Column("progress_at", _TIME, "when that was said"),
    Column("progress_max", _NUMBER, "the greatest, 0 to 100"),
    Column("completed_at", _TIME, "the first completion that was not taken back"),
    Column("rolled_back_at", _TIME, "when completions were last taken back"),
    Column("success", _BOOLEAN, "the latest verdict"),
    Column("success_at", _TIME, "when that was said"),
    Column("score", _NUMBER, "the best, scaled"),
    Column("state", _TEXT, "registered, unregistered or empty"),
    Column("state_at", _TIME, "when that was said"),
    Column("attempts", _WHOLE, "how often it was tried"),
    Column("statements", _WHOLE, "that this was made from"),
)
PEOPLE = (
    Column("person", _UUID, "key of the person"),
    Column("name", _TEXT, "the person's name"),
    Column("reference", _TEXT, "what the organisation calls them"),
    Column("created", _TIME, "when they were first seen"),
    Column("identities", _WHOLE, "how many identifiers"),
    Column("identifiers", _TEXT, "all of them, each on a line"),
    Column("activities", _WHOLE, "that the person has begun or is registered for"),
    Column("completed", _WHOLE, "of these completed"),
    Column("last_activity", _TIME, "timestamp of the latest statement"),
)
ACTIVITIES = (
    Column("activity", _TEXT, "IRI"),
    Column("name", _TEXT, "as its definition says, else the catalogue's title"),
    Column("kind", _TEXT, "course, learning_path, certification, webinar, lesson, ..."),
    Column("people", _WHOLE, "how many people; the following count a person once for each registration"),
    Column("registered", _WHOLE, "registered only"),
    Column("in_progress", _WHOLE, "begun"),
    Column("passed", _WHOLE, "passed, and not said to be completed"),
    Column("completed", _WHOLE, "completed"),
    Column("failed", _WHOLE, "failed last"),
    Column("unregistered", _WHOLE, "withdrawn"),
    Column("statements", _WHOLE, "that this was made from"),
    Column("last_activity", _TIME, "timestamp of the latest statement"),
)
SUMMARY = (
    Column("period", _TEXT, "first day of the day, week (Monday) or month; UTC"),
    Column("verb", _TEXT, "IRI, where it is asked for"),
    Column("source", _TEXT, "name of the credential, where it is asked for"),
    Column("kind", _TEXT, "where it is asked for"),
    Column("activity", _TEXT, "IRI, where it is asked for"),
    Column("activity_name", _TEXT, "as its definition says, else the catalogue's title"),
    Column("count", _WHOLE, "statements or completions"),
    Column("people", _WHOLE, "different actors (of statements) or people (of completions); empty above 20 000"),
)
SOURCES = (
    Column("source", _TEXT, "name of the credential"),
    Column("profile", _TEXT, "what its statements should look like"),
    Column("disabled", _BOOLEAN, "whether it may no longer send"),
    Column("last_statement", _TIME, "when its newest statement was stored"),
    Column("silent", _BOOLEAN, "nothing came for longer than is allowed"),
    Column("findings", _WHOLE, "in the last 7 days"),
    Column("open_refusals", _WHOLE, "refused requests that nobody has decided about"),
    Column("last_refusal", _TIME, "when a request was last refused"),
)
QUARANTINE = (
    Column("number", _WHOLE, "of the refused request"),
    Column("source", _TEXT, "name of the credential"),
    Column("first", _TIME, "when it first came"),
    Column("last", _TIME, "when it last came"),
    Column("times", _WHOLE, "how often it came"),
    Column("method", _TEXT, "of the request"),
    Column("path", _TEXT, "of the request"),
    Column("status", _WHOLE, "HTTP status of the answer"),
    Column("sentence", _TEXT, "of the answer"),
    Column("reason", _TEXT, "fingerprint that refusals for the same reason share"),
    Column("state", _TEXT, "open, replayed or dismissed"),
)
CONNECTIONS = (
    Column("connection", _UUID, "its id"),
    Column("provider", _TEXT, "which system"),
    Column("name", _TEXT, "its name"),
    Column("source", _TEXT, "name of the credential that its statements come by"),
    Column("state", _TEXT, "active or paused"),
    Column("checked", _TIME, "when it was last tried"),
    Column("check_ok", _BOOLEAN, "whether that succeeded"),
    Column("check_sentence", _TEXT, "what it said"),
    Column("waiting", _WHOLE, "events that nobody has decided about yet"),
    Column("refused", _WHOLE, "events that can become no statement"),
    Column("last_delivery", _TIME, "when its webhook was last posted to"),
    Column("next_sweep", _TIME, "when its provider's report is read next"),
)
REPORTS: Mapping[str, tuple[Column, ...]] = {
    "statements": STATEMENTS,
    "progress": PROGRESS,
    "people": PEOPLE,
    "activities": ACTIVITIES,
    "summary": SUMMARY,
    "sources": SOURCES,
    "quarantine": QUARANTINE,
    "connections": CONNECTIONS,
}


def chosen(columns: Sequence[Column], names: Iterable[str]) -> tuple[Column, ...]:
    """The columns with these names, in that order; all of them where none is named."""
    by_name = {column.name: column for column in columns}
    return tuple(by_name[name] for name in names) or tuple(columns)

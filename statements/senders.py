"""What senders sent: when last, how much a day, what deviated, what came again. One query each, for however many.

Nothing is counted while statements come in. Every statement mentions its authority, so the mentions of a sender's
Agent are its statements, in the order of an index; what the worker has counted already is not looked at again.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

import orjson
from django.db import connection

from statements import keys
from statements.store import counts
from statements.store.dialect import dialect
from statements.xapi.roles import Role

_NO_KEY = "0" * 32
# A statement's own mention of its authority; roles and `via`: statements.models.Mention.
_ITS = f"m.store = given.store AND m.key = given.key AND m.role = {int(Role.RELATED_AGENT)} AND m.via = m.statement"


class Sender(NamedTuple):
    """A credential, its store, and the identifier of the Agent that is the authority of its statements."""

    credential: int
    store: int
    authority: str


def last_statements(senders: Sequence[Sender]) -> dict[int, datetime]:
    """When the newest statement of each credential was stored; those that never sent one are missing."""
    rows = _asked(
        f"SELECT credential, (SELECT m.stored FROM statements_mention m WHERE {_ITS} ORDER BY m.stored DESC LIMIT 1)"
        f" FROM {dialect().given(credential='integer', store='integer', key='uuid')}",
        [{"credential": each.credential, "store": each.store, "key": _key(each)} for each in senders],
    )
    return {credential: dialect().moment(last) for credential, last in rows if last is not None}


def statements_a_day(senders: Sequence[Sender], first: date, last: date) -> dict[int, dict[date, int]]:
    """How many statements of each credential came on the days (UTC) from first to last; empty days are missing."""
    counted, places = _counted(senders, first)
    ranges = []
    for each in senders:
        stored, key = places[each.credential]
        for day in _days(max(first, stored.date()), last):
            begin = max(_midnight(day), stored)
            after = key if begin == stored else _NO_KEY
            ranges.append({"key": _key(each), "after": after, **_range(each, day), "since": dialect().time(begin)})
    shape = {"key": "uuid", "after": "uuid", **_RANGE}
    rows = _asked(
        f"SELECT credential, day, (SELECT count(*) FROM statements_mention m WHERE {_ITS}"
        " AND (m.stored, m.statement) > (given.since, given.after) AND m.stored < given.until)"
        f" FROM {dialect().given(**shape)}",
        ranges,
    )
    for credential, day, amount in rows:
        if amount:
            its = counted.setdefault(credential, {})
            its[_date(day)] = its.get(_date(day), 0) + amount
    return {credential: {day: its[day] for day in sorted(its) if day <= last} for credential, its in counted.items()}


def findings_a_day(senders: Sequence[Sender], first: date, last: date) -> dict[int, dict[str, dict[date, int]]]:
    """How many findings of each rule the statements of each credential had on the days (UTC) from first to last."""
    rows = _asked(
        f"SELECT given.credential, f.rule, given.day, count(*) FROM {dialect().given(**_RANGE)}"
        " JOIN statements_finding f ON f.store = given.store AND f.credential = given.credential"
        " AND f.stored >= given.since AND f.stored < given.until"
        " GROUP BY given.credential, f.rule, given.day ORDER BY given.credential, f.rule, given.day",
        [_range(each, day) for each in senders for day in _days(first, last)],
    )
    found: dict[int, dict[str, dict[date, int]]] = {}
    for credential, rule, day, amount in rows:
        found.setdefault(credential, {}).setdefault(rule, {})[_date(day)] = amount
    return found


def retries(senders: Sequence[Sender]) -> dict[int, int]:
    """How often statements of each credential came again after they were kept; those with none are missing."""
    return _repeated(senders, "sum(r.count)", "")


def retried_since(senders: Sequence[Sender], since: datetime) -> dict[int, int]:
    """How many statements of each credential were kept before and came again since then."""
    return _repeated(senders, "count(*)", " AND r.last >= %s", dialect().time(since))


def _repeated(senders: Sequence[Sender], amount: str, condition: str, *values: Any) -> dict[int, int]:
    given = dialect().given(credential="integer", store="integer")
    rows = _asked(
        f"SELECT credential, (SELECT {amount} FROM statements_retry r WHERE r.store = given.store"
        f" AND r.credential = given.credential{condition}) FROM {given}",
        [{"credential": each.credential, "store": each.store} for each in senders],
        *values,
    )
    return {credential: int(amount) for credential, amount in rows if amount}


def _counted(
    senders: Sequence[Sender], first: date
) -> tuple[dict[int, dict[date, int]], dict[int, tuple[datetime, str]]]:
    """What is counted by credential and day from `first` on, and up to which statement; both of one moment."""
    here = dialect()
    rows = _asked(
        "SELECT given.credential, c.stored, c.key, d.day, d.statements"
        f" FROM {here.given(credential='integer', store='integer', first='date')}"
        " LEFT JOIN statements_counted c ON c.store = given.store LEFT JOIN statements_day d"
        " ON d.store = given.store AND d.credential = given.credential AND d.day >= given.first",
        [{"credential": each.credential, "store": each.store, "first": first} for each in senders],
    )
    counted: dict[int, dict[date, int]] = {}
    places: dict[int, tuple[datetime, str]] = {}
    for credential, stored, key, day, amount in rows:
        places[credential] = (counts.BEGINNING, _NO_KEY) if stored is None else (here.moment(stored), here.key(key))
        if day is not None:
            counted.setdefault(credential, {})[_date(day)] = amount
    return counted, places


_RANGE: Mapping[str, str] = {
    "credential": "integer",
    "store": "integer",
    "day": "date",
    "since": "timestamptz",
    "until": "timestamptz",
}


def _range(sender: Sender, day: date) -> dict[str, Any]:
    """A day of a sender; each is a range of an index, where grouping by day would look at every row."""
    here = dialect()
    return {
        "credential": sender.credential,
        "store": sender.store,
        "day": day,
        "since": here.time(_midnight(day)),
        "until": here.time(_midnight(day + timedelta(days=1))),
    }


def _asked(sql: str, given: Sequence[Mapping[str, Any]], *values: Any) -> list[tuple[Any, ...]]:
    if not given:
        return []
    # The conditions of a subquery stand in front of the table that is given.
    marks = [*values, orjson.dumps(given).decode()]
    with connection.cursor() as cursor:
        cursor.execute(sql, marks)
        return list(cursor.fetchall())


def _key(sender: Sender) -> str:
    return keys.thing(sender.store, "agent", sender.authority)


def _date(value: Any) -> date:
    """A day as SQL returned it: out of JSON it is text on SQLite."""
    return value if isinstance(value, date) else date.fromisoformat(value)


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)

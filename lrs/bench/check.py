"""Whether the LRS kept what it acknowledged: all are listed once more, and a sample is asked for by id."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from time import sleep
from typing import Any

import orjson

from lrs.bench.wire import Answer, Line, Target

PAGE = 1_000
ASK_AT_MOST = 1_000


@dataclass
class Ledger:
    """What was acknowledged: for each activity under which statements can be listed, their ids."""

    homes: dict[str, set[str]] = field(default_factory=dict)

    def note(self, ids: Iterable[str], homes: Iterable[str]) -> None:
        """These statements were acknowledged."""
        for each, home in zip(ids, homes, strict=True):
            self.homes.setdefault(home, set()).add(each)

    def ids(self) -> list[str]:
        """Every acknowledged id, in order."""
        return sorted(each for ids in self.homes.values() for each in ids)


@dataclass(frozen=True)
class Kept:
    """What became of the acknowledged statements.

    `lost`: asked for by id and answered 404. `unlisted`: found by id, but the list by activity leaves it out.
    `duplicated`: listed more than once. `unacknowledged`: kept although its request got an error or no
    answer, which is allowed. `problems`: sentences about checks that could not be made.
    """

    acknowledged: int
    listed: int
    sampled: int
    lost: list[str]
    unlisted: list[str]
    duplicated: list[str]
    unacknowledged: int
    problems: list[str]

    @property
    def whole(self) -> bool:
        """Nothing lost, hidden or doubled, and everything could be checked."""
        return not (self.lost or self.unlisted or self.duplicated or self.problems)


def kept(
    to: Target,
    ledger: Ledger,
    *,
    sample: int,
    seed: int,
    settle: float,
    timeout: float,
    tell: Callable[[str, int, int], None],
) -> Kept:
    """List and ask for everything in the ledger; an LRS that indexes late gets `settle` seconds once."""
    line = Line(to, timeout)
    problems: list[str] = []
    times: Counter[str] = Counter()
    missing: list[str] = []
    expected = len(ledger.ids())
    for patience in (settle, 0.0):
        problems.clear()
        times = Counter()
        for home in ledger.homes:
            times += listing(line, home, problems, lambda done: tell("listing every statement again", done, expected))
            if problems:
                break
        missing = [each for each in ledger.ids() if each not in times]
        if not missing:
            break
        sleep(patience)
    chosen = Random(seed).sample(ledger.ids(), min(sample, expected))
    answers: dict[str, Answer] = {}
    for each in dict.fromkeys(missing[:ASK_AT_MOST] + chosen):
        answers[each] = by_id(line, each)
        if answers[each].status == 0:
            break
    line.close()
    lost = [each for each, answer in answers.items() if answer.status == 404]
    unclear = {
        each: told(answer) for each, answer in answers.items() if answer.status != 404 and not holds(answer, each)
    }
    if len(missing) > ASK_AT_MOST:
        problems.append(f"{len(missing)} statements are not listed; only {ASK_AT_MOST} of them were asked for by id")
    if unclear:
        each, answer = next(iter(unclear.items()))
        problems.append(f"asked for by id without a clear answer: {len(unclear)}, such as {each}: {answer}")
    return Kept(
        acknowledged=expected,
        listed=sum(1 for each in times if times[each]),
        sampled=sum(each in answers for each in chosen),
        lost=lost,
        unlisted=[each for each in missing if each in answers and holds(answers[each], each)],
        duplicated=[each for each, count in times.items() if count > 1],
        unacknowledged=len(times.keys() - set(ledger.ids())),
        problems=problems,
    )


def listing(line: Line, home: str, problems: list[str], tell: Callable[[int], None]) -> Counter[str]:
    """How often each id occurs in the list of statements about an activity, followed to its last page."""
    found: Counter[str] = Counter()
    request = line.to.get(
        "statements",
        {"activity": home, "related_activities": "true", "format": "ids", "limit": str(PAGE)},
    )
    links: set[str] = set()
    while True:
        answer = line.ask(request)
        page = statements(answer)
        if page is None:
            problems.append(f"the list of {home} ended after {found.total()} statements: {told(answer)}")
            return found
        found.update(str(each.get("id")).lower() for each in page["statements"])
        tell(found.total())
        link = page.get("more") or ""
        if not link:
            return found
        if link in links:
            problems.append(f"the list of {home} never ends: a `more` link came twice")
            return found
        links.add(link)
        request = line.to.more(link)


def statements(answer: Answer) -> Mapping[str, Any] | None:
    """The StatementResult of an answer, or None if it is none."""
    value = decoded(answer)
    return value if isinstance(value, dict) and isinstance(value.get("statements"), list) else None


def by_id(line: Line, wanted: str) -> Answer:
    """Ask for one statement."""
    return line.ask(line.to.get("statements", {"statementId": wanted}))


def holds(answer: Answer, wanted: str) -> bool:
    """Whether this is the statement that was asked for."""
    value = decoded(answer)
    return isinstance(value, dict) and str(value.get("id")).lower() == wanted


def decoded(answer: Answer) -> object:
    """The JSON value of a 200, else None."""
    if answer.status != 200:
        return None
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None


def told(answer: Answer) -> str:
    """An answer in one line: status and the beginning of its text."""
    text = " ".join(answer.body[:500].decode("utf-8", "replace").split())[:160]
    return f"{answer.status} {text}".strip() if answer.status else text

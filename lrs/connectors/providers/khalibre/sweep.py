"""Progress read from Khalibre's API: everything at intervals, one course or one learner where a hint asks for it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from lrs.connectors.contract import Context, Page, Row, Settings, Whole
from lrs.connectors.events import ThingUpdate
from lrs.connectors.providers.khalibre import client, differences, events, shapes, times
from lrs.connectors.providers.khalibre import settings as chosen
from lrs.connectors.providers.khalibre.shapes import Listing, ProgressRow
from lrs.connectors.transport import Later, NotAllowed, Refusal, TransportError

# Rows may move between the pages while they are read: then the course is read once more, and a last time.
_PASSES = 3
_LONGEST_EMAIL = 320
# Of what somebody else wrote, in a note.
_SHOWN = 200


def sweep(context: Context, cursor: Mapping[str, Any]) -> Iterator[Page]:
    """All courses, and all progress in each, in the order of their ids.

    A course that cannot be read stops the sweep, which may be no fault of the course; one that cannot be read at the
    next try either is passed over until the next sweep, so that the others do not wait for it.

    The cursor: `done`, the id of the last course that was read to its end; `course` and the `page` to begin at;
    `failed`, the id of the course that stopped it.
    """
    found: set[int] = set()
    things_read = rows = 0
    for _, listing in client.pages(lambda page: client.courses(context, page=page)):
        things = [update for course in listing.items for update in events.course_update(course, context.settings)]
        found.update(course.course_id for course in listing.items)
        things_read += len(things)
        told = [f"Left out: {sentence}" for sentence in (*listing.faulty, *listing.left_out)]
        yield Page(things=things, cursor=cursor, note="\n".join(told))
    done = int(cursor.get("done", -1))
    left = [course for course in sorted(found) if course > done]
    for number, course in enumerate(left):
        first = int(cursor["page"]) if cursor.get("course") == course else 1
        read = 0
        place: Mapping[str, Any] = {"done": done, "course": course, "page": first}
        try:
            for page in _course(context, course, done, first):
                read += len(page.rows)
                here = max(read, page.total or 0)
                # What later courses have is not known before they are read: as much in each as in those so far.
                total = things_read + rows + here + (rows + here) // (number + 1) * (len(left) - number - 1)
                place = page.cursor
                yield replace(page, total=total)
        except (Later, NotAllowed, client.NotSignedIn):
            raise
        except TransportError as problem:
            if cursor.get("failed") != course:
                yield Page(cursor={**place, "failed": course})
                raise
            yield Page(cursor={"done": course}, note=f"Course {course} is passed over until the next sweep: {problem}")
        rows, done = rows + read, course


def reread(context: Context, key: str) -> Iterator[Page]:
    """The progress of everybody in "course:ID", or of "learner:E-MAIL" in all courses."""
    what, _, which = key.partition(":")
    if what == "course":
        yield from _course(context, int(which), -1, 1)
        return
    notes = _Notes(context.settings)
    try:
        for _, listing in client.pages(lambda page: client.progress_of_learner(context, which, page=page)):
            yield Page(rows=notes.rows(listing))
    except Refusal as problem:
        # The hint was wrong; asking once more would not help.
        if problem.status not in (400, 404):
            raise


def things(context: Context, ids: Sequence[str]) -> Sequence[ThingUpdate]:
    """What these courses are; one that Khalibre does not know is left out."""
    found: list[ThingUpdate] = []
    for id in ids:
        if id.isdecimal():
            try:
                found += events.course_update(client.course(context, int(id)), context.settings)
            except Refusal as problem:
                if problem.status not in (400, 404):
                    raise
    return found


def _course(context: Context, course: int, done: int, first: int) -> Iterator[Page]:
    """All progress in a course; read again where the pages did not fit together."""
    begun = context.now()
    before: set[str] = set()
    notes = _Notes(context.settings)
    for _ in range(_PASSES):
        seen: set[str] = set()
        totals: set[int] = set()
        try:
            for number, listing in client.pages(partial(_page, context, course), first):
                rows = notes.rows(listing)
                seen.update(row.key for row in rows)
                totals.add(listing.total_count or 0)
                cursor = {"done": done, "course": course, "page": number + 1}
                # Where it was interrupted, only what is left counts.
                passed = (first - 1) * (listing.page_size or client.PAGE_SIZE)
                total = None if listing.total_count is None else max(0, listing.total_count - passed)
                yield Page(rows=rows, cursor=cursor, total=total)
        except Refusal as problem:
            if problem.status not in (400, 404):
                raise
            yield Page(cursor={"done": course}, note=f"Khalibre has no progress of course {course} ({problem.status}).")
            return
        # Begun in the middle, or with learners twice in a row: what is missing cannot be told from what is gone.
        fits = first == 1 and len(totals) <= 1 and len(seen) + notes.left_out >= max(totals, default=0)
        if fits or first > 1 or seen == before:
            break
        before, first = seen, 1
        notes = _Notes(context.settings)
    else:
        fits = False
    whole = Whole(f"{course}/", begun) if fits else None
    yield Page(cursor={"done": course}, note=notes.told(course), whole=whole)


def _page(context: Context, course: int, page: int) -> Listing[ProgressRow]:
    return client.progress_of_course(context, course, page=page)


class _Notes:
    """What is to be told of the rows of a course, once each and with their number."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._counted: Counter[str] = Counter()
        self.left_out = 0

    def rows(self, listing: Listing[ProgressRow]) -> list[Row]:
        """The rows of a page by their keys; without those that name no learner, of whom nothing can be said."""
        rows = []
        for item in listing.items:
            self._look_at(item)
            if item.email and len(item.email) <= _LONGEST_EMAIL:
                rows.append(Row(item.key, shapes.plain(item)))
            else:
                self._counted["without a usable e-mail address, left out"] += 1
                self.left_out += 1
        for sentence in listing.faulty:
            self._counted[f"cannot be read, left out: {sentence}"] += 1
            self.left_out += 1
        for sentence in listing.left_out:
            self._counted[f"without a field that cannot be read: {sentence}"] += 1
        return rows

    def told(self, course: int) -> str:
        """A line for each, or nothing."""
        told = self._counted.items()
        return "\n".join(f"Course {course}, rows: {number}. {_short(what)}" for what, number in told)

    def _look_at(self, item: ProgressRow) -> None:
        if differences.is_unknown(item, self._settings):
            self._counted[f"{differences.unknown(item)}."] += 1
        zone = chosen.timezone(self._settings)
        dates: Mapping[str, object] = {
            "bookingDate": item.booking_date,
            "recentUpdateDate": item.recent_update_date,
        }
        for name, written in dates.items():
            if written not in (None, "") and _unread(written, zone):
                self._counted[f"{name} in a form that is not known, such as {written!r}"] += 1


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _unread(written: object, zone: Any) -> bool:
    return times.read(written, zone) is None

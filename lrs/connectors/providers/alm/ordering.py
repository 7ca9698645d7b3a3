"""Which of ALM's events count: they come in any order, and progress up to 15 minutes late.

The rules are per account, learner and instance; "older" is by the event's own timestamp, never by dates in its data.
1. The same event again is not seen here: the inbox knows it.
2. An enrolment after progress is ignored, whatever the timestamps.
3. Progress after a completion is ignored, whatever the timestamps.
4. Any other event that is older than the newest that counted (progress apart) is stale and ignored; with the same
   time the order of arrival holds.
5. An unenrolment or a rollback that counts clears what was seen, so that the next enrolment counts.
6. A completion needs nothing before it, and one that is not older than the last is one more.
7. What was decided, and why, stays with the event.

An event whose statement was made from the API before it came (a backfill) is told from others by what it says, since
the API does not tell ALM's eventId. It takes the statement that is there, id and all.
"""

from datetime import datetime, timedelta

from lrs.connectors.contract import Decision, Received, Standing
from lrs.connectors.events import Event, Kind

# Ids of events that were read from the API because their own never came (client.enrolments).
BACKFILLED = "api:"
# The API's dates and the event's agree to the minute.
_SAME = timedelta(minutes=1)


def decide(standing: Standing, received: Received, event: Event) -> Decision:
    """Whether the event counts, by which rule, and what is to be remembered."""
    at = received.at or event.at
    if received.id.startswith(BACKFILLED):
        told = (*standing.told, _telling(event))
        newest = at if standing.at is None else max(at, standing.at)
        return Decision(True, _after(standing, event, newest)._replace(told=told), "backfill", "Read from ALM's API.")
    same = _told(standing, event)
    if same:
        reason = "The same was read from ALM's API before this event came; its statement is the one made then."
        return Decision(False, standing, "backfilled", reason, same)
    if event.kind is Kind.REGISTERED and standing.progressed:
        return _ignored(standing, "enrolment-after-progress", "Progress was there before this enrolment.")
    if event.kind is Kind.PROGRESSED and standing.completed:
        return _ignored(standing, "progress-after-completion", "The completion was there before this progress.")
    if standing.at is not None and at < standing.at:
        return _ignored(standing, "stale", f"An event of {standing.at.isoformat()} has counted already.")
    return Decision(True, _after(standing, event, at))


def _after(standing: Standing, event: Event, at: datetime) -> Standing:
    if event.kind is Kind.PROGRESSED:
        return standing._replace(progressed=True)
    if event.kind in (Kind.UNREGISTERED, Kind.ROLLED_BACK):
        return standing._replace(at=at, progressed=False, completed=False)
    if event.kind is Kind.COMPLETED:
        return standing._replace(at=at, completed=True)
    return standing._replace(at=at)


def _telling(event: Event) -> str:
    # When progress was made the API does not tell; how much was made is all that an event can be known by.
    what = event.progress if event.kind is Kind.PROGRESSED else event.at.isoformat()
    return f"{event.kind} {what} {event.key}"


def _told(standing: Standing, event: Event) -> str:
    """The key of the backfilled event that tells the same, or nothing."""
    for one in standing.told:
        kind, what, key = one.split(" ", 2)
        if kind == event.kind and _agrees(what, event):
            return key
    return ""


def _agrees(what: str, event: Event) -> bool:
    if event.kind is Kind.PROGRESSED:
        return what == str(event.progress)
    return abs(datetime.fromisoformat(what) - event.at) < _SAME


def _ignored(standing: Standing, rule: str, reason: str) -> Decision:
    return Decision(False, standing, rule, reason)

"""Khalibre's API: the five actions of its own connector, with an access token that is kept until it ends.

At most 100 calls a minute for one connection, by all workers together; calls for tokens are counted, too.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from lrs.connectors.contract import CheckFailed, Context, Token
from lrs.connectors.providers.khalibre import settings, shapes
from lrs.connectors.providers.khalibre.shapes import Booking, Course, Faulty, Item, Listing, ProgressRow
from lrs.connectors.transport import Refusal, Reply, TransportError, Unreachable

BUDGET = "api:100/60"
PAGE_SIZE = 100
# No list is longer than this, whatever the service says.
MOST_PAGES = 10_000
# A minute's budget can be spent: to wait for the next one is better than to stop.
PATIENCE = 75.0
# Whoever renews the token holds up the others.
_TOKEN_PATIENCE = 20.0
# Renewed a little before it ends, so that it does not end under way.
_EARLY = timedelta(seconds=30)
# Where the answer does not say how long a token is good for; a refused one is renewed anyway.
_TOKEN_SECONDS = 600


class NotSignedIn(TransportError):
    """Khalibre gives no token for client_id and client_secret: nothing that it says of what was asked for."""


class Doubtful(TransportError):
    """A booking without a clear answer: it may have been made."""


def courses(context: Context, *, keywords: str = "", page: int = 1, size: int = PAGE_SIZE) -> Listing[Course]:
    """A page of the courses that are visible to the API, those with these words.

    Raises TransportError, also where the answer is not what Khalibre describes; so do the others.
    """
    params = {"page": str(page), "pageSize": str(size)} | ({"keywords": keywords} if keywords else {})
    return _listing(_get(context, "/courses", params), Course)


def course(context: Context, id: int) -> Course:
    """A course in detail; Refusal with status 404 where there is none."""
    try:
        return shapes.read_what_can_be(_get(context, f"/course/{id}"), Course)[0]
    except Faulty as problem:
        raise TransportError(f"Khalibre's answer is not what it describes: {problem}") from None


def progress_of_course(context: Context, id: int, *, page: int = 1, size: int = PAGE_SIZE) -> Listing[ProgressRow]:
    """A page of all learners' progress in a course."""
    return _listing(_get(context, f"/progress/course/{id}", {"page": str(page), "pageSize": str(size)}), ProgressRow)


def progress_of_learner(context: Context, email: str, *, page: int = 1, size: int = PAGE_SIZE) -> Listing[ProgressRow]:
    """A page of a learner's progress in all courses."""
    params = {"learnerEmail": email, "page": str(page), "pageSize": str(size)}
    return _listing(_get(context, "/progress/learner", params), ProgressRow)


def book(context: Context, booking: Booking) -> None:
    """Book a course for a learner. Never sent a second time by itself where it may have been done the first time.

    Raises Doubtful where it may have been made, and any other TransportError where it was not.
    """
    body = {name: value for name, value in shapes.plain(booking).items() if value is not None}
    # Without a token nothing was sent yet.
    _token(context)
    try:
        _send(context, "POST", "/course/booking", again=False, json=body)
    except (Refusal, Unreachable) as problem:
        if isinstance(problem, Refusal) and problem.status < 500:
            raise
        raise Doubtful(
            f"{problem} It may be booked all the same: look at the learner's progress before it is booked again."
        ) from None


def pages(read: Callable[[int], Listing[Item]], first: int = 1) -> Iterator[tuple[int, Listing[Item]]]:
    """All pages and their numbers, from the first on.

    `lastPage` is not trusted alone: a list ends where `totalCount` agrees with it, or the page is not full, and in
    any case with a page that is empty, not there, or brings nothing that was not there before.
    """
    seen: set[object] = set()
    for number in range(first, first + MOST_PAGES):
        try:
            listing = read(number)
        except Refusal as problem:
            if problem.status == 404 and number > 1:
                return
            raise
        known = len(seen)
        # All of an item, not its key alone: the same learner on two pages with two states is news.
        seen.update(map(repr, listing.items), listing.faulty)
        if number > first and len(seen) == known:
            return
        yield number, listing
        if not listing.items and not listing.faulty:
            return
        if number >= (listing.last_page or 0) and _agreed(listing, first, len(seen)):
            return


def _agreed(listing: Listing[Item], first: int, seen: int) -> bool:
    """Whether what was seen since the page `first` is all, whatever lastPage says."""
    total, size = listing.total_count, listing.page_size
    full = size is None or len(listing.items) + len(listing.faulty) >= size
    if total is None or total < seen or (full and total == size):
        # No total, or one that may be of the page alone.
        return not full
    # The pages before the first were full.
    return (first - 1) * (size or PAGE_SIZE) + seen >= total


def check(context: Context) -> str:
    """Sign in and read one page of courses."""
    wrong = settings.problem(context.settings)
    if wrong:
        raise CheckFailed(wrong)
    try:
        listing = courses(context, size=1)
    except Refusal as problem:
        raise CheckFailed(_ADVICE.get(problem.status, "{0}").format(problem)) from None
    number = listing.total_count if listing.total_count is not None else len(listing.items)
    return f"signed in at {settings.host(context.settings)}; {number} courses are visible to its API."


_ADVICE = {
    401: "Khalibre does not take its own token; make a credential in Organisation settings > API integration. {0}",
    403: "The credential may not read courses; allow it the LMS API in Organisation settings > API integration. {0}",
    404: "There is no such API at this host: is host right, and api_version? {0}",
}


_NO_TOKEN = {
    **dict.fromkeys(
        (400, 401, 403),
        "Khalibre does not take client_id and client_secret; make a credential in Organisation settings > API"
        " integration. {0}",
    ),
    404: "Khalibre gives no token at this address: is host right? {0}",
}


def _listing(given: Any, kind: type[Item]) -> Listing[Item]:
    try:
        return shapes.listing(given, kind)
    except Faulty as problem:
        raise TransportError(f"Khalibre's answer is not what it describes: {problem}") from None


def _get(context: Context, path: str, params: dict[str, str] | None = None) -> Any:
    return _send(context, "GET", path, params=params).json()


def _send(
    context: Context,
    method: str,
    path: str,
    *,
    params: dict[str, str] | None = None,
    json: Any = None,
    again: bool = True,
) -> Reply:
    access = _token(context)
    url = settings.api_url(context.settings) + path
    for last in (False, True):
        try:
            return context.http.send(
                method,
                url,
                bucket=BUDGET,
                params=params,
                json=json,
                headers={"authorization": f"Bearer {access}", "accept": "application/json"},
                patience=PATIENCE,
                again=again,
            )
        except Refusal as problem:
            if problem.status != 401 or last:
                raise
            # Withdrawn before its time.
            access = _token(context, refused=access)
    raise AssertionError


def _token(context: Context, refused: str = "") -> str:
    kept = context.tokens.current()
    if kept is None or not _good(kept, context, refused):
        with context.tokens.renewing() as kept:
            if kept is None or not _good(kept, context, refused):
                kept = _new_token(context)
                context.tokens.keep(kept)
    return kept.access


def _good(token: Token, context: Context, refused: str) -> bool:
    return token.access != refused and token.ends > context.now()


def _new_token(context: Context) -> Token:
    asked = context.now()
    try:
        answer = context.http.send(
            "POST",
            settings.token_url(context.settings),
            bucket=BUDGET,
            form={
                "grant_type": "client_credentials",
                "client_id": str(context.settings["client_id"]),
                "client_secret": str(context.settings["client_secret"]),
            },
            headers={"accept": "application/json"},
            patience=_TOKEN_PATIENCE,
        ).json()
    except Refusal as problem:
        if problem.status >= 500:
            raise
        # A 404 of this address must not be taken for one of what is asked for with the token.
        raise NotSignedIn(_NO_TOKEN.get(problem.status, "Khalibre gives no token: {0}").format(problem)) from None
    access = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(access, str) or not access:
        raise TransportError("Khalibre's answer to the request for a token has no access_token.")
    try:
        seconds = timedelta(seconds=float(answer.get("expires_in") or _TOKEN_SECONDS))
    except (TypeError, ValueError, OverflowError):
        seconds = timedelta(seconds=_TOKEN_SECONDS)
    return Token(access, asked + seconds - min(_EARLY, seconds / 10))

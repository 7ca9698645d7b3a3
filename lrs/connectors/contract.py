"""What a provider is: its settings, and the functions that the inbox and the worker call. Pure: no Django.

A provider is a module or package below `providers` that makes one Provider; `providers.PROVIDERS` lists it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from lrs.connectors.events import Event, Happening, Person, PersonUpdate, ThingUpdate
from lrs.connectors.transport import Transport
from lrs.connectors.webinars.attendance import Asked, Attendee, Listed, Seen

Settings = Mapping[str, Any]

_STAMP = 12


class Unreadable(Exception):
    """A delivery that is not what the provider sends; it is kept, shown, and acknowledged."""


class Refused(Exception):
    """An event that can never become a statement; the text says why. It is kept and shown."""


class CheckFailed(Exception):
    """The settings do not work; the text says what to do, in one sentence."""


class SettingKind(StrEnum):
    """How a setting is read from the text that is typed in."""

    TEXT = "text"
    SECRET = "secret"  # noqa: S105  (kept encrypted, never shown)
    NUMBER = "number"
    FLAG = "flag"
    URL = "url"
    CHOICE = "choice"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a connection. A TABLE is JSON text of an object; a FLAG is yes or no."""

    name: str
    help: str
    kind: SettingKind = SettingKind.TEXT
    default: Any = ""
    required: bool = False
    choices: tuple[str, ...] = ()


class Request(NamedTuple):
    """A delivery as it came: header names in lower case, the query string, the raw bytes, when it came (UTC)."""

    headers: Mapping[str, str]
    query: str
    body: bytes
    received: datetime
    method: str = "POST"

    def within(self, tolerance: timedelta, stamp: str) -> bool:
        """Whether it came at the time of its stamp, more or less; `stamp` is what a header says, seconds since 1970."""
        # Anybody may write anything there: no time has more digits than these.
        if not stamp.isascii() or not stamp.isdecimal() or len(stamp) > _STAMP:
            return False
        return abs(self.received.timestamp() - int(stamp)) <= tolerance.total_seconds()


class Answer(NamedTuple):
    """What a provider wants to be told at once, beside 2xx."""

    status: int
    body: Mapping[str, Any]
    keep: bool = True


class Received(NamedTuple):
    """One event as the inbox keeps it, before anybody asked what it means.

    (account, name, id) is unique within the connection. Events with the same `ordering` are worked off one after the
    other, in the order of their arrival; `data` is JSON.
    """

    account: str
    name: str
    id: str
    at: datetime | None
    ordering: str
    data: Any


class Standing(NamedTuple):
    """What is remembered of one ordering between its events: the newest that counted, and what was seen.

    `told` is for the provider's own words.
    """

    at: datetime | None = None
    progressed: bool = False
    completed: bool = False
    told: tuple[str, ...] = ()


class Decision(NamedTuple):
    """Whether an event counts, by which rule and why, and what is to be remembered afterwards.

    `same` is the key of an event that told the very same before: its statement is this one's, too, with its id.
    """

    counts: bool
    standing: Standing
    rule: str = ""
    reason: str = ""
    same: str = ""


class Token(NamedTuple):
    """An access token and when it ends (UTC). `refresh` is the newest refresh token; `scope` what it is good for.

    `account` is who signed in, for people's eyes; `basis` is a mark of the settings that it was given for.
    """

    access: str
    ends: datetime
    refresh: str = ""
    scope: str = ""
    account: str = ""
    basis: str = ""


class Tokens(Protocol):
    """The connection's access token, kept encrypted and shared by all workers."""

    def current(self) -> Token | None:
        """The token that is kept, ended or not."""

    def renewing(self) -> AbstractContextManager[Token | None]:
        """Only one worker at a time is inside; gives what is kept now, which another may just have renewed."""

    def keep(self, token: Token) -> None:
        """Keep a new token, for all workers."""


class Row(NamedTuple):
    """A row of a provider's report, to be compared with what it said last time; `data` is a JSON object."""

    key: str
    data: Mapping[str, Any]


class Whole(NamedTuple):
    """All rows whose keys begin with `prefix` were read since `since`: those that were not seen then are gone."""

    prefix: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a sweep: kept in one transaction together with `cursor`, from which an interrupted sweep goes on.

    `received` goes to the inbox; `rows` are compared (Provider.compare) with the last seen rows of the same key and
    then take their place. `total` is the number of rows of the whole sweep, where the provider tells. `whole` marks
    the rows that are no longer there, when the last page of them was read.
    """

    received: Sequence[Received] = ()
    rows: Sequence[Row] = ()
    things: Sequence[ThingUpdate] = ()
    people: Sequence[PersonUpdate] = ()
    cursor: Mapping[str, Any] = field(default_factory=dict)
    total: int | None = None
    note: str = ""
    whole: Whole | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What a provider's outbound functions are given: settings, the way out, tokens, the clock; `knows_emails` says
    whether the connection knows the e-mail of anybody.
    """

    settings: Settings
    http: Transport
    tokens: Tokens
    now: Callable[[], datetime]
    knows_emails: Callable[[], bool]


Reader = Callable[[Iterable[str]], Iterator[PersonUpdate | ThingUpdate]]


class Lack(StrEnum):
    """What is missing where nobody is signed in: nobody ever was, for other settings only, or not any more."""

    NOBODY = "nobody"
    CHANGED = "changed"
    ENDED = "ended"


class Alert(NamedTuple):
    """Why nobody is signed in: in a word, for pages in the reader's language, and in a sentence."""

    lack: Lack
    sentence: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """How a person signs in with the provider for a connection: an authorisation code with PKCE (RFC 7636).

    The token that comes of it stays when settings change; its `basis` tells whether it still holds.

    title    what the button says
    wanted   whether the connection needs somebody to sign in
    address  where the browser is sent: settings, our address to come back to, state, challenge (S256)
    redeem   the token for a code, with the account that signed in: context, code, our address, verifier; raises
             CheckFailed, TransportError
    alert    why nobody is signed in for these settings; None where somebody is, or nobody has to
    """

    title: str
    wanted: Callable[[Settings], bool]
    address: Callable[[Settings, str, str, str], str]
    redeem: Callable[[Context, str, str, str], Token]
    alert: Callable[[Settings, Token | None], Alert | None]


@dataclass(frozen=True, slots=True)
class Webinars:
    """What a provider can do for webinars (Provider.webinars).

    attendance  the lists of a session's runs; none: not there yet. Runs outside of `window(asked)` are left out.
                Later and 5xx are waited for, CheckFailed (and Refusal 401, 403) stops the session with its sentence,
                any other Refusal is "not yet". None: lists come by themselves (webhook, import)
    look        who is in the room now; None: it is not open. Asked every minute while the session may go on
    roster      who is registered with the provider; None: it does not tell
    meeting     the room's id in what people paste, a join URL say; None: as it is
    """

    attendance: Callable[[Context, Asked], Sequence[Listed]] | None = None
    look: Callable[[Context, Asked], Seen | None] | None = None
    roster: Callable[[Context, Asked], Sequence[Attendee]] | None = None
    meeting: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """All that is to be known of a provider. Functions that are None: it cannot, or need not, do that.

    problem    what does not fit together in the settings, in a sentence; empty where all does
    verify     whether the sender of a delivery is who it must be; compares in constant time
    answer     what to tell a sender at once (a challenge); None: just 202
    message    the sender's own id of a delivery, empty where it has none: the same is kept once
    paced      whether a delivery waits its turn (429) where more come than LRS_WEBHOOK_RATE: its sender sends it again
    cut        a delivery as events; raises Unreadable. Called by the worker, never while the sender waits
    read       what an event means; raises Refused
    decide     whether an event counts, given what happened before in its ordering
    check      speaks to the provider; a sentence that says what works; raises CheckFailed
    sweep      reads from the provider, page by page, from a cursor (empty: from the beginning)
    every      how often sweep is to run, from the settings; None: not by itself
    compare    a row of a sweep against the one that was seen last (None: new), as events for the inbox
    reread     pages for one key of a Hint
    people     who these ids are (at most `people_most` at a time)
    things     what these external ids of things are (at most `things_most` at a time)
    all_people pages of everybody there is
    account    who statements are about for an id, where no e-mail is known: given the id, the account that events
               name (empty: there were none yet) and the settings. None: nobody knows yet
    enrolments what should have been received of a person, or of a thing, as the provider's API has it
    reports    files that people export from the provider, by the name of what is in them
    methods    of HTTP that the webhook takes
    webinars   what it can do for webinars (lrs.connectors.webinars); None: nothing
    sign_in    how a person signs in, where the provider gives tokens for a person's rights only; None: nobody has to
    token_for  settings that an access token was given for: where none of them changes, it is kept. Empty: it is never
               kept, and costs nothing but a call
    """

    name: str
    title: str
    settings: tuple[Setting, ...]
    verify: Callable[[Request, Settings], bool]
    cut: Callable[[Request, Settings], Sequence[Received]]
    read: Callable[[Received, Settings], Sequence[Happening]]
    check: Callable[[Context], str]
    problem: Callable[[Settings], str] | None = None
    answer: Callable[[Request, Settings], Answer | None] | None = None
    message: Callable[[Request, Settings], str] | None = None
    paced: Callable[[Request], bool] | None = None
    decide: Callable[[Standing, Received, Event], Decision] | None = None
    sweep: Callable[[Context, Mapping[str, Any]], Iterator[Page]] | None = None
    every: Callable[[Settings], timedelta | None] | None = None
    compare: Callable[[Row | None, Row, Settings, datetime], Sequence[Received]] | None = None
    reread: Callable[[Context, str], Iterator[Page]] | None = None
    people: Callable[[Context, Sequence[str]], Sequence[PersonUpdate]] | None = None
    people_most: int = 1
    things: Callable[[Context, Sequence[str]], Sequence[ThingUpdate]] | None = None
    things_most: int = 10
    all_people: Callable[[Context], Iterator[Page]] | None = None
    account: Callable[[str, str, Settings], Person | None] | None = None
    enrolments: Callable[[Context, str, str], Iterator[Received]] | None = None
    reports: Mapping[str, Reader] = field(default_factory=dict)
    methods: tuple[str, ...] = ("POST",)
    webinars: Webinars | None = None
    sign_in: SignIn | None = None
    token_for: tuple[str, ...] = ()

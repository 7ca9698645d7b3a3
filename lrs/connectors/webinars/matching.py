"""Who somebody in a room is. Pure; nothing is guessed: what no rule decides is for people to review.

The rules, in this order: the user id that our side gave, the e-mail, an alias that somebody made, the exact name where
one person alone on the roster has it. Who carries a user id or e-mail and is not on the roster is who they say.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from lrs.connectors.webinars.attendance import Attendee

# Of an address: 64 before the @, 255 behind it.
_LONGEST = 320
_MAIL = re.compile(r"[^\s@<>\x00-\x1f]+@[^\s@<>\x00-\x1f]+")


class How(StrEnum):
    """By which rule somebody was recognised."""

    ID = "id"
    EMAIL = "email"
    ALIAS = "alias"
    NAME = "name"
    ITSELF = "itself"


@dataclass(frozen=True, slots=True)
class Identity:
    """A person of ours: user id at the LMS, e-mail, name; one of the first two at least."""

    id: str = ""
    email: str = ""
    name: str = ""

    @property
    def key(self) -> str:
        """What names the person within a connection."""
        return f"mailto:{mail(self.email)}" if self.email else f"id:{self.id}"


class Match(NamedTuple):
    """Who it is and by which rule; nobody, and why."""

    person: Identity | None
    how: How | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What people are recognised by. `aliases`: handle_of text -> person."""

    roster: tuple[Identity, ...]
    by_id: Mapping[str, Identity]
    by_email: Mapping[str, Identity]
    by_name: Mapping[str, tuple[Identity, ...]]
    aliases: Mapping[str, Identity]


def known(roster: Sequence[Identity], aliases: Mapping[str, Identity]) -> Known:
    """The roster and the aliases, ready to be looked up."""
    names: dict[str, tuple[Identity, ...]] = {}
    for one in roster:
        if one.name:
            names[plain(one.name)] = (*names.get(plain(one.name), ()), one)
    return Known(
        tuple(roster),
        {one.id: one for one in roster if one.id},
        {mail(one.email): one for one in roster if mail(one.email)},
        names,
        aliases,
    )


def match(who: Attendee, known: Known) -> Match:
    """Who it is, by the first rule that decides."""
    if who.id and who.id in known.by_id:
        return Match(known.by_id[who.id], How.ID)
    if mail(who.email) and mail(who.email) in known.by_email:
        return Match(known.by_email[mail(who.email)], How.EMAIL)
    for handle in handles(who):
        if handle in known.aliases:
            return Match(_on_roster(known.aliases[handle], known), How.ALIAS)
    found = known.by_name.get(plain(who.name), ()) if who.name else ()
    if len(found) == 1:
        contradiction = _contradiction(who, found[0])
        if not contradiction:
            return Match(found[0], How.NAME)
        if not who.id:
            return Match(None, None, contradiction)
    if who.id or mail(who.email):
        return Match(Identity(who.id, mail(who.email), who.name), How.ITSELF)
    if len(found) > 1:
        return Match(None, None, f"{len(found)} people on the roster have this name.")
    return Match(None, None, "Only a display name is known." if who.name else "Nothing is known of them.")


def handles(who: Attendee) -> list[str]:
    """What an alias can be made of, the most lasting first; the name is the last."""
    found = [f"id {who.id}" if who.id else "", *(f"handle {one}" for one in who.handles)]
    found += [f"email {mail(who.email)}" if mail(who.email) else "", name_handle(who.name) if who.name else ""]
    return [one for one in found if one]


def name_handle(name: str) -> str:
    """The handle of a display name."""
    return f"name {plain(name)}"


def mail(address: str) -> str:
    """An e-mail address, comparable; empty for what is none, such as "n/a"."""
    plain_address = address.strip().removeprefix("mailto:").casefold()
    return plain_address if len(plain_address) <= _LONGEST and _MAIL.fullmatch(plain_address) else ""


def plain(name: str) -> str:
    """A name, comparable: the same letters, however they are composed, spaced and capitalised."""
    return " ".join(unicodedata.normalize("NFC", name).split()).casefold()


def added(roster: Iterable[Identity], more: Iterable[Identity]) -> list[Identity]:
    """A roster with more people, each once: the same user id or e-mail is the same person; newer words count.

    Who has the user id of one and the e-mail of another makes them one person.
    """
    kept: dict[int, Identity] = {}
    numbers: dict[str, int] = {}
    for number, one in enumerate((*roster, *more)):
        same = sorted({numbers[name] for name in _names(one) if name in numbers})
        whole = one
        for each in same:
            here = kept[each] if each == same[0] else kept.pop(each)
            for name in _names(here):
                numbers.pop(name, None)
            whole = Identity(whole.id or here.id, whole.email or here.email, whole.name or here.name)
        at = same[0] if same else number
        kept[at] = whole
        numbers.update(dict.fromkeys(_names(whole), at))
    return list(kept.values())


def _names(one: Identity) -> list[str]:
    names = [f"id {one.id}" if one.id else "", f"email {mail(one.email)}" if mail(one.email) else ""]
    return [name for name in names if name]


def _on_roster(person: Identity, known: Known) -> Identity:
    return known.by_id.get(person.id) or known.by_email.get(mail(person.email)) or person


def _contradiction(who: Attendee, one: Identity) -> str:
    """Somebody with the same name and another user id or e-mail may be somebody else."""
    if who.id and one.id:
        return f"The name is on the roster, with another user id ({one.id})."
    if mail(who.email) and one.email:
        return f"The name is on the roster, with another e-mail ({one.email})."
    return ""

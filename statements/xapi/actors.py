"""Agents and Groups: who is who by their inverse functional identifiers (xAPI 1.0.3 Data 2.4.2)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# The inverse functional identifiers; an Agent has exactly one of them, an anonymous Group none.
IDENTIFIERS = ("mbox", "account", "mbox_sha1sum", "openid")
_LISTS_OF_A_PERSON = ("name", "mbox", "mbox_sha1sum", "openid", "account")


def identifier(actor: Mapping[str, Any]) -> str | None:
    """One string that equal Agents and identified Groups share, such as "mbox mailto:ann@example.com".

    The kind of identifier and its value decide, not the objectType (1.0.3 Communication 2.1.3, `agent`); values count
    as written. None for an anonymous Group. `actor` is a valid Agent or Group.
    """
    if "mbox" in actor:
        return f"mbox {actor['mbox']}"
    if "account" in actor:
        account = actor["account"]
        # Home page first: an IRI has no space in it, an account name may.
        return f"account {account['homePage']} {account['name']}"
    if "mbox_sha1sum" in actor:
        return f"mbox_sha1sum {actor['mbox_sha1sum']}"
    if "openid" in actor:
        return f"openid {actor['openid']}"
    return None


def bare(actor: Mapping[str, Any]) -> dict[str, Any]:
    """The Agent or Group with its objectType and identifier alone."""
    kind = "Group" if actor.get("objectType") == "Group" else "Agent"
    return {"objectType": kind, **{name: actor[name] for name in IDENTIFIERS if name in actor}}


def named(identifier: str) -> dict[str, Any]:
    """The Agent with this identifier: what `identifier` was made from."""
    kind, _, value = identifier.partition(" ")
    if kind != "account":
        return {"objectType": "Agent", kind: value}
    home, _, name = value.partition(" ")
    return {"objectType": "Agent", "account": {"homePage": home, "name": name}}


def members(actor: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The Agents in a Group; nobody for an Agent or a Group that names none."""
    found: Sequence[Mapping[str, Any]] = actor.get("member", ())
    return found


def person(agents: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The Person object of these Agents: each name and identifier once, first seen first (Communication 2.4)."""
    lists: dict[str, list[Any]] = {name: [] for name in _LISTS_OF_A_PERSON}
    for agent in agents:
        for name, values in lists.items():
            if name in agent and agent[name] not in values:
                values.append(agent[name])
    return {"objectType": "Person", **{name: values for name, values in lists.items() if values}}

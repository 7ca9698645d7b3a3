"""Who a provider's id and an e-mail address say is one person: made one, so that reports have them together.

Statements stay as they are. What somebody linked, imported or told apart by hand is left alone, and all of it can be
undone (statements.people). Called last in a transaction: it waits for those who fold progress.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from lrs.connectors import compose, connections
from lrs.connectors.events import Person, PersonUpdate
from lrs.connectors.models import Connection, InboxEvent
from statements import people
from statements.people import Addressed
from statements.xapi import actors


def learnt(id: UUID, updates: Sequence[PersonUpdate]) -> None:
    """A lookup or a report said who these ids of a connection's are."""
    known = [one for one in updates if one.email]
    if not known:
        return
    connection = Connection.objects.select_related("store").get(pk=id)
    account_of, chosen = connections.provider_of(connection).account, connections.settings_of(connection)
    if account_of is None:
        return
    name = _account(connection)
    found = [(account_of(one.id, name, chosen), one) for one in known]
    same(connection, [(who, one.email, one.name) for who, one in found if who is not None])


def same(connection: Connection, said: Iterable[tuple[Person, str, str]]) -> None:
    """These people have these e-mail addresses and names, as far as this connection knows."""
    addressed = [
        Addressed(identifier, email, name)
        for person, email, name in said
        if (identifier := actors.identifier(compose.actor(person)))
    ]
    if addressed:
        people.same_emails(connection.store_id, addressed, by=connection.name)


def _account(connection: Connection) -> str:
    """The account at the provider that events name, as far as the connection has had any."""
    done = InboxEvent.objects.filter(connection=connection, state=InboxEvent.State.DONE).order_by("-id")
    return done.values_list("account", flat=True).first() or ""

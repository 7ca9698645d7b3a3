"""The access token of a connection: encrypted, shared by all workers, renewed by one of them at a time."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import orjson
from django.db.models import Q
from django.utils import timezone

from lrs.connectors import sealed
from lrs.connectors.contract import Token
from lrs.connectors.models import Connection

# Longer than a token request may take with all its time-outs.
HOLD = timedelta(seconds=60)


class StoredTokens:
    """contract.Tokens in the connection's row."""

    def __init__(self, connection: uuid.UUID) -> None:
        self._rows = Connection.objects.filter(pk=connection)

    def current(self) -> Token | None:
        """See Tokens.current."""
        kept = self._rows.values_list("token", flat=True).get()
        if not kept:
            return None
        try:
            read = orjson.loads(sealed.unseal(kept))
        except sealed.Unsealable:
            # A new one will be asked for.
            return None
        return Token(**{**read, "ends": datetime.fromisoformat(read["ends"])})

    @contextmanager
    def renewing(self) -> Iterator[Token | None]:
        """See Tokens.renewing. No transaction is open meanwhile: a slow provider must not hold up the database."""
        holder = uuid.uuid4().hex
        while not self._take(holder):
            time.sleep(0.1)
        try:
            yield self.current()
        finally:
            self._rows.filter(token_holder=holder).update(token_holder="", token_held=None)

    def keep(self, token: Token) -> None:
        """See Tokens.keep."""
        text = orjson.dumps({**token._asdict(), "ends": token.ends.isoformat()}).decode()
        self._rows.update(token=sealed.seal(text))

    def _take(self, holder: str) -> bool:
        now = timezone.now()
        free = Q(token_holder="") | Q(token_held__lt=now - HOLD)
        return bool(self._rows.filter(free).update(token_holder=holder, token_held=now))

"""Connections are made, found, changed and checked here; what a provider is given of them is put together here."""

import secrets
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from lrs.connectors import budget, sealed
from lrs.connectors.contract import CheckFailed, Context, Provider, Setting, SettingKind, Settings
from lrs.connectors.models import Connection, Task
from lrs.connectors.providers import PROVIDERS
from lrs.connectors.tokens import StoredTokens
from lrs.connectors.transport import Transport, TransportError, Way
from lrs.credentials import DEFAULT_STORE
from lrs.models import Credential
from statements.models import Store

_YES = {**dict.fromkeys(("1", "true", "yes", "on"), True), **dict.fromkeys(("0", "false", "no", "off", ""), False)}
# What every connection has, beside its provider's own settings.
COMMON = (
    Setting("use_proxy", "Reach the provider through LRS_OUTBOUND_PROXY", SettingKind.FLAG, default=False),
    Setting("store", "The store that the statements go to", default=DEFAULT_STORE),
)

# Seconds that an answer is waited for where somebody sits before it.
_SOON = 8.0
_NO_SECRET = "!"  # noqa: S105  (the hash of none)


class ConnectionProblem(Exception):
    """A connection that cannot be made, found or used; the text is a sentence for whoever asked."""


def create(provider: str, name: str, given: Mapping[str, str]) -> Connection:
    """Make a connection, with a credential that its statements are signed with, and its store where that is new.

    Raises ConnectionProblem.
    """
    if not name.strip() or not name.isprintable() or len(name) > 150:
        raise ConnectionProblem("The name must have 1 to 150 printable characters.")
    chosen = _read(provider_named(provider), given, complete=True)
    use_proxy, store = chosen.pop("use_proxy"), chosen.pop("store")
    id = uuid.uuid4()
    try:
        with transaction.atomic():
            kept_in = Store.objects.get_or_create(name=store)[0]
            credential = Credential.objects.create(
                name=f"{name} ({provider})",
                store=kept_in,
                key=f"connection:{id}",
                # Nobody can log in with it: no secret has this hash, and it may do nothing.
                secret_hash=_NO_SECRET,
                scopes=[],
            )
            connection = Connection(
                id=id,
                provider=provider,
                name=name,
                hook=secrets.token_urlsafe(32),
                use_proxy=use_proxy,
                store=kept_in,
                credential=credential,
            )
            _put(connection, chosen)
            _require_sound(provider_of(connection), connection)
            connection.save(force_insert=True)
            _plan(connection)
    except IntegrityError:
        raise ConnectionProblem(f"A connection with the name {name!r} exists already.") from None
    return connection


def change(connection: Connection, given: Mapping[str, str]) -> None:
    """Set some settings anew; the others stay. Raises ConnectionProblem."""
    provider = provider_of(connection)
    chosen = _read(provider, given, complete=False)
    before = _token_for(connection)
    connection.use_proxy = chosen.pop("use_proxy", connection.use_proxy)
    if chosen.pop("store", connection.store.name) != connection.store.name:
        raise ConnectionProblem("The store of a connection stays as it is: make a new connection.")
    _put(connection, chosen)
    _require_sound(provider, connection)
    fields = ["use_proxy", "settings", "sealed"]
    if provider.sign_in is None and (not provider.token_for or _token_for(connection) != before):
        # What was allowed with the old settings may not be with the new. Who signed in sees that for themselves.
        connection.token = ""
        fields.append("token")
    connection.save(update_fields=fields)
    _plan(connection)
    # What can be asked now, or need not be any more, is seen to at once.
    Task.objects.filter(connection=connection, kind="lookup").update(due=timezone.now())


def named(text: str) -> Connection:
    """The connection with this name or id. Raises ConnectionProblem."""
    found = Connection.objects.select_related("store", "credential")
    connection = found.filter(name=text).first()
    if connection is None:
        try:
            connection = found.filter(pk=uuid.UUID(text)).first()
        except ValueError:
            connection = None
    if connection is None:
        raise ConnectionProblem(f"There is no connection with the name or id {text!r}.")
    return connection


def provider_named(name: str) -> Provider:
    """The provider of this name. Raises ConnectionProblem."""
    if name not in PROVIDERS:
        raise ConnectionProblem(f"There is no provider {name!r}; there are {', '.join(sorted(PROVIDERS))}.")
    return PROVIDERS[name]


def provider_of(connection: Connection) -> Provider:
    """The provider that a connection is to."""
    return provider_named(connection.provider)


def settings_of(connection: Connection) -> Settings:
    """All settings, secrets and defaults among them, and `webhook_url` and `public_url`. Raises Unsealable."""
    defaults = {setting.name: setting.default for setting in provider_of(connection).settings}
    return {**defaults, **connection.settings, **_secrets(connection), **_addresses(connection)}


def shown(connection: Connection) -> dict[str, Any]:
    """The settings for people's eyes: of a secret, only whether it is set."""
    kept = _secrets_or_none(connection)
    answer: dict[str, Any] = {}
    for setting in provider_of(connection).settings:
        if setting.kind is SettingKind.SECRET:
            answer[setting.name] = "unreadable" if kept is None else "set" if kept.get(setting.name) else "not set"
        else:
            answer[setting.name] = connection.settings.get(setting.name, setting.default)
    return answer


def webhook_url(connection: Connection) -> str:
    """Where the provider posts its events."""
    return f"{settings.LRS_PUBLIC_URL}/hooks/{connection.hook}"


@contextmanager
def context(connection: Connection, *, patient: bool = True) -> Iterator[Context]:
    """What a provider's outbound functions need, for the time of the block; not `patient`: somebody sits and waits.

    Raises ConnectionProblem, Unsealable.
    """
    proxy = settings.LRS_OUTBOUND_PROXY if connection.use_proxy else ""
    if connection.use_proxy and not proxy:
        raise ConnectionProblem("The connection is to use a proxy, and LRS_OUTBOUND_PROXY names none.")
    way = Way(
        allow=tuple(settings.LRS_OUTBOUND_ALLOW),
        proxy=proxy,
        read=settings.LRS_OUTBOUND_TIMEOUT,
        backoff=settings.LRS_OUTBOUND_BACKOFF / 1000,
    )
    if not patient:
        way = replace(way, read=_SOON, patience=_SOON / 4)
    with Transport(way, budget.spender(connection)) as http:
        emails = connection.externaluser_set.exclude(email="")
        yield Context(settings_of(connection), http, StoredTokens(connection.pk), timezone.now, emails.exists)


def check(connection: Connection) -> tuple[bool, str]:
    """Whether the settings work, and a sentence that begins with "ok" or "failed"; kept with the connection."""
    try:
        with context(connection) as outside:
            ok, sentence = True, f"ok: {provider_of(connection).check(outside)}"
    except (CheckFailed, TransportError, ConnectionProblem, sealed.Unsealable) as problem:
        ok, sentence = False, f"failed: {problem}"
    connection.checked, connection.check_ok, connection.check_sentence = timezone.now(), ok, sentence
    connection.save(update_fields=["checked", "check_ok", "check_sentence"])
    return ok, sentence


def _put(connection: Connection, chosen: Mapping[str, Any]) -> None:
    names = {setting.name for setting in provider_of(connection).settings if setting.kind is SettingKind.SECRET}
    told = {name: value for name, value in chosen.items() if name in names}
    # Secrets that nobody can read any more are replaced by those that are given, and by nothing else.
    hidden = ((_secrets_or_none(connection) or {}) if told else _secrets(connection)) | told
    connection.settings = connection.settings | {name: value for name, value in chosen.items() if name not in names}
    connection.sealed = sealed.seal(orjson.dumps(hidden).decode()) if hidden else ""


def _secrets(connection: Connection) -> dict[str, str]:
    found: dict[str, str] = orjson.loads(sealed.unseal(connection.sealed)) if connection.sealed else {}
    return found


def _secrets_or_none(connection: Connection) -> dict[str, str] | None:
    try:
        return _secrets(connection)
    except sealed.Unsealable:
        return None


def _token_for(connection: Connection) -> list[Any]:
    """The settings that the connection's access token was given for; unreadable ones are like none."""
    known = {**connection.settings, **(_secrets_or_none(connection) or {})}
    return [known.get(name) or "" for name in provider_of(connection).token_for]


def sign_in_url(connection: Connection) -> str:
    """The page where somebody signs in for a connection to a provider that asks for it."""
    return f"{settings.LRS_PUBLIC_URL}/admin/sign-in/{connection.pk}"


def _addresses(connection: Connection) -> dict[str, str]:
    return {
        "webhook_url": webhook_url(connection),
        "sign_in_url": sign_in_url(connection),
        "public_url": settings.LRS_PUBLIC_URL,
    }


def _plan(connection: Connection) -> None:
    """The tasks that its provider needs, due at once; one whose interval is set to nothing goes."""
    provider = provider_of(connection)
    every = provider.every and provider.every(settings_of(connection))
    now = timezone.now()
    kinds = {
        "sweep": bool(every),
        "lookup": provider.people is not None or provider.things is not None,
        "reread": provider.reread is not None,
        "webinars": provider.webinars is not None,
    }
    for kind, wanted in kinds.items():
        if wanted:
            soon = now + timedelta(seconds=5)
            task, _ = Task.objects.get_or_create(connection=connection, kind=kind, defaults={"due": soon})
            if kind == "sweep" and every and task.due > now + every:
                # The interval is shorter than it was, or there was none.
                Task.objects.filter(pk=task.pk).update(due=soon)
        else:
            Task.objects.filter(connection=connection, kind=kind).delete()


def _read(provider: Provider, given: Mapping[str, str], *, complete: bool) -> dict[str, Any]:
    known = {setting.name: setting for setting in (*provider.settings, *COMMON)}
    for name in given:
        if name not in known:
            raise ConnectionProblem(f"{provider.title} has no setting {name!r}; it has {', '.join(known)}.")
    chosen = {name: _value(known[name], text.strip()) for name, text in given.items()}
    if complete:
        missing = [setting.name for setting in provider.settings if setting.required and not chosen.get(setting.name)]
        if missing:
            raise ConnectionProblem(f"{provider.title} needs the settings {', '.join(missing)}.")
        chosen = {setting.name: setting.default for setting in COMMON} | chosen
    return chosen


def _require_sound(provider: Provider, connection: Connection) -> None:
    problem = provider.problem(settings_of(connection)) if provider.problem else ""
    if problem:
        raise ConnectionProblem(problem)


def _value(setting: Setting, text: str) -> Any:
    if setting.kind is SettingKind.FLAG:
        if text.lower() not in _YES:
            raise ConnectionProblem(f"{setting.name} must be yes or no, not {text!r}.")
        return _YES[text.lower()]
    if setting.kind is SettingKind.CHOICE and text not in setting.choices:
        raise ConnectionProblem(f"{setting.name} must be one of {', '.join(setting.choices)}, not {text!r}.")
    if setting.kind is SettingKind.NUMBER:
        if not text.isascii() or not text.isdecimal():
            raise ConnectionProblem(f"{setting.name} must be a whole number, not {text!r}.")
        return int(text)
    if setting.kind is SettingKind.URL and text and not text.startswith(("https://", "http://")):
        raise ConnectionProblem(f"{setting.name} must be a full address such as https://api.example.com, not {text!r}.")
    if setting.kind is SettingKind.TABLE:
        return _table(setting, text)
    return text


def _table(setting: Setting, text: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise ConnectionProblem(f'{setting.name} must be a JSON object such as {{"3": "completed"}}.')
    return value

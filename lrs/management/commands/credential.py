"""manage.py credential create | list | rotate | disable."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from lrs import credentials
from lrs.credentials import CredentialError, Issued
from lrs.models import Credential


class Command(BaseCommand):
    help = "Make, list, renew and withdraw the credentials that senders and readers use."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One sub-command each, and --json for all."""
        shared = ArgumentParser(add_help=False)
        shared.add_argument("--json", action="store_true", help="answer with JSON")
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", parents=[shared], help="make a credential; its secret is shown once")
        create.add_argument("name")
        create.add_argument("--key", help="instead of a random one")
        create.add_argument("--secret", help="instead of a random one")
        create.add_argument("--scope", action="append", default=[], help="may be repeated; statements/write and so on")
        create.add_argument("--store", default=credentials.DEFAULT_STORE, help="made where it does not exist")
        create.add_argument("--default-version", help="taken where a request names no version: 1.0.3 or 2.0.0")
        create.add_argument("--profile", default="", choices=sorted(filter(None, credentials.PRESETS)))
        actions.add_parser("list", parents=[shared], help="all credentials, without secrets")
        rotate = actions.add_parser("rotate", parents=[shared], help="a new secret; the old one stops working")
        rotate.add_argument("name", help="name or key")
        rotate.add_argument("--secret", help="instead of a random one")
        disable = actions.add_parser("disable", parents=[shared], help="refuse it from now on")
        disable.add_argument("name", help="name or key")

    def handle(self, *, action: str, **options: Any) -> None:
        """Do it, or say in a sentence why not."""
        try:
            answer = _ACTIONS[action](options)
        except CredentialError as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(json.dumps(answer, indent=2) if options["json"] else _for_people(answer))


Answer = dict[str, Any] | list[dict[str, Any]]


def _create(options: Mapping[str, Any]) -> Answer:
    return _issued(
        credentials.create(
            options["name"],
            key=options["key"],
            secret=options["secret"],
            scopes=options["scope"],
            store=options["store"],
            default_version=options["default_version"],
            profile=options["profile"],
        )
    )


def _list(options: Mapping[str, Any]) -> Answer:
    return [_described(credential) for credential in Credential.objects.select_related("store")]


def _rotate(options: Mapping[str, Any]) -> Answer:
    return _issued(credentials.rotate(options["name"], secret=options["secret"]))


def _disable(options: Mapping[str, Any]) -> Answer:
    return _described(credentials.disable(options["name"]))


_ACTIONS: Mapping[str, Callable[[Mapping[str, Any]], Answer]] = {
    "create": _create,
    "list": _list,
    "rotate": _rotate,
    "disable": _disable,
}


def _described(credential: Credential) -> dict[str, Any]:
    return {
        "name": credential.name,
        "key": credential.key,
        "scopes": credential.scopes,
        "store": credential.store.name,
        "default_version": credential.default_version,
        "profile": credential.profile,
        "disabled": credential.disabled,
        "created": credential.created.isoformat(),
    }


def _issued(issued: Issued) -> dict[str, Any]:
    described = _described(issued.credential)
    return {"name": described.pop("name"), "key": described.pop("key"), "secret": issued.secret, **described}


def _for_people(answer: Answer) -> str:
    if isinstance(answer, list):
        return "\n\n".join(map(_for_people, answer)) or "There are no credentials."
    lines = [f"{name.replace('_', ' '):16} {_plain(value)}" for name, value in answer.items()]
    if "secret" in answer:
        lines.append("The secret is not shown again.")
    return "\n".join(lines)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value) or "-"

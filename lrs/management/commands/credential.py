"""manage.py credential create | list | change | rotate | disable."""

import json
from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from lrs import credentials, usage
from lrs.credentials import CredentialError, Issued
from lrs.models import Credential
from statements.profiles import Mode
from statements.profiles.repairs import REPAIRS

_RATE_LIMIT = "requests a minute that each process of the server takes from it; 0 for any number"


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
        create.add_argument("--rate-limit", type=int, default=0, help=_RATE_LIMIT)
        create.add_argument("--profile", default="", choices=sorted(filter(None, credentials.PRESETS)))
        actions.add_parser("list", parents=[shared], help="all credentials, without secrets")
        change = actions.add_parser("change", parents=[shared], help="how what it sends is treated")
        change.add_argument("name", help="name or key")
        change.add_argument("--mode", choices=list(Mode), help="what becomes of deviations from its profile")
        change.add_argument("--repair", action="append", choices=list(REPAIRS), help="may be repeated; replaces all")
        change.add_argument("--no-repairs", action="store_true", help="switch all repairs off")
        change.add_argument("--base", help="what sumtotal-relative-id puts in front of an id that is no IRI")
        change.add_argument("--content-ids", action=BooleanOptionalAction, help="recognise repeats without an id")
        change.add_argument("--shapes", action=BooleanOptionalAction, help="note the JSON shapes that it sends")
        change.add_argument("--silence-hours", type=int, help="after which it counts as silent; 0 never")
        change.add_argument("--rate-limit", type=int, help=_RATE_LIMIT)
        change.add_argument("--default-version", help="taken where a request names no version; empty refuses those")
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
            rate_limit=options["rate_limit"],
        )
    )


def _list(options: Mapping[str, Any]) -> Answer:
    found = list(Credential.objects.select_related("store"))
    used = usage.last_uses([credential.pk for credential in found])
    return [{**_described(credential), "last_used": _moment(used.get(credential.pk))} for credential in found]


def _change(options: Mapping[str, Any]) -> Answer:
    changed = credentials.change(
        options["name"],
        mode=options["mode"],
        repairs=[] if options["no_repairs"] else options["repair"],
        base=options["base"],
        content_ids=options["content_ids"],
        shapes=options["shapes"],
        silence_hours=options["silence_hours"],
        default_version=options["default_version"],
        rate_limit=options["rate_limit"],
    )
    return _described(changed)


def _rotate(options: Mapping[str, Any]) -> Answer:
    return _issued(credentials.rotate(options["name"], secret=options["secret"]))


def _disable(options: Mapping[str, Any]) -> Answer:
    return _described(credentials.disable(options["name"]))


_ACTIONS: Mapping[str, Callable[[Mapping[str, Any]], Answer]] = {
    "create": _create,
    "list": _list,
    "change": _change,
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
        "mode": credential.mode,
        "repairs": credential.repairs,
        "base": credential.base,
        "content_ids": credential.content_ids,
        "shapes": credential.shapes,
        "silence_hours": credential.silence_hours,
        "rate_limit": credential.rate_limit,
        "disabled": credential.disabled,
        "created": credential.created.isoformat(),
    }


def _issued(issued: Issued) -> dict[str, Any]:
    described = _described(issued.credential)
    answer = {"name": described.pop("name"), "key": described.pop("key"), "secret": issued.secret, **described}
    # A profile's sender fetches tokens; whoever set it up pastes these four into its pages.
    return answer | asdict(credentials.to_paste(issued)) if issued.credential.profile else answer


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _for_people(answer: Answer) -> str:
    if isinstance(answer, list):
        return "\n\n".join(map(_for_people, answer)) or "There are no credentials."
    lines = [f"{name.replace('_', ' '):16} {_plain(value)}" for name, value in answer.items()]
    if "token_url" in answer:
        lines.append(f"Paste into {answer['profile']}: token url, statement url, client id and client secret.")
    if "secret" in answer:
        lines.append("The secret is not shown again.")
    return "\n".join(lines)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "-"
    return (", ".join(map(str, value)) if isinstance(value, list) else str(value)) or "-"

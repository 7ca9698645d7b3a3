"""manage.py quarantine kinds | list | show | edit | replay | dismiss | reopen."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from lrs import credentials, quarantine, replay
from lrs.credentials import CredentialError
from lrs.models import Refusal, RefusalKind
from lrs.quarantine import QuarantineError

Answer = dict[str, Any] | list[dict[str, Any]]
_MOST = 200


class Command(BaseCommand):
    help = "Look at requests that were refused, mend them, and send them again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One sub-command each, and --json for all."""
        shared = ArgumentParser(add_help=False)
        shared.add_argument("--json", action="store_true", help="answer with JSON")
        actions = parser.add_subparsers(dest="action", required=True)
        kinds = actions.add_parser("kinds", parents=[shared], help="the reasons, newest first")
        listed = actions.add_parser("list", parents=[shared], help="refused requests, newest first")
        listed.add_argument("--fingerprint", default="", help="of one kind")
        listed.add_argument("--state", default="", choices=["", *Refusal.State.values])
        for parser_of_list in (kinds, listed):
            parser_of_list.add_argument("--credential", default="", help="name or key")
        show = actions.add_parser("show", parents=[shared], help="one, with its body and every error")
        edit = actions.add_parser("edit", parents=[shared], help="what a replay sends instead of its body")
        edit.add_argument("--file", type=Path, help="the new body; without it, the original one again")
        again = actions.add_parser("replay", parents=[shared], help="send it again as the same credential")
        dismiss = actions.add_parser("dismiss", parents=[shared], help="nothing is to be done about it")
        reopen = actions.add_parser("reopen", parents=[shared], help="something is to be done about it after all")
        for action in (show, edit):
            action.add_argument("numbers", type=int, nargs=1, metavar="NUMBER")
        for action in (again, dismiss, reopen):
            action.add_argument("numbers", type=int, nargs="*", metavar="NUMBER")
        again.add_argument("--fingerprint", default="", help="all open ones of a kind")
        dismiss.add_argument("--fingerprint", default="", help="all open ones of a kind, which is no news then")
        reopen.add_argument("--fingerprint", default="", help="all dismissed ones of a kind")

    def handle(self, *, action: str, **options: Any) -> None:
        """Do it, or say in a sentence why not; exit code 1 where a replay was refused again."""
        try:
            answer = _ACTIONS[action](options)
        except (QuarantineError, CredentialError) as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(json.dumps(answer, indent=2) if options["json"] else _for_people(answer))
        if action == "replay" and not _all_replayed(answer):
            sys.exit(1)


def _kinds(options: Mapping[str, Any]) -> Answer:
    return [_kind(kind) for kind in quarantine.kinds(credential=_credential(options))[:_MOST]]


def _list(options: Mapping[str, Any]) -> Answer:
    found = quarantine.refusals(
        credential=_credential(options), fingerprint=options["fingerprint"], state=options["state"]
    )
    return [_brief(refusal) for refusal in found[:_MOST]]


def _show(options: Mapping[str, Any]) -> Answer:
    return _whole(quarantine.get(options["numbers"][0]))


def _edit(options: Mapping[str, Any]) -> Answer:
    try:
        body = options["file"].read_bytes() if options["file"] else None
    except OSError as problem:
        raise QuarantineError(f"{options['file']} cannot be read: {problem.strerror}") from None
    return _whole(quarantine.edit(quarantine.get(options["numbers"][0]), body))


def _replay(options: Mapping[str, Any]) -> Answer:
    return [_brief(replay.replay(refusal)) for refusal in _chosen(options)]


def _dismiss(options: Mapping[str, Any]) -> Answer:
    kinds = _kinds_of(options)
    done = [quarantine.dismiss(quarantine.get(number)).pk for number in options["numbers"]]
    for kind in kinds:
        done += quarantine.open_of(kind.pk)
        quarantine.dismiss_kind(kind)
    return [_brief(quarantine.get(number)) for number in done]


def _reopen(options: Mapping[str, Any]) -> Answer:
    kinds = _kinds_of(options)
    opened = [quarantine.reopen(quarantine.get(number)).pk for number in options["numbers"]]
    for kind in kinds:
        opened += Refusal.objects.filter(kind=kind, state=Refusal.State.DISMISSED).values_list("pk", flat=True)
        quarantine.reopen_kind(kind)
    return [_brief(quarantine.get(number)) for number in opened]


_ACTIONS: Mapping[str, Callable[[Mapping[str, Any]], Answer]] = {
    "kinds": _kinds,
    "list": _list,
    "show": _show,
    "edit": _edit,
    "replay": _replay,
    "dismiss": _dismiss,
    "reopen": _reopen,
}


def _kinds_of(options: Mapping[str, Any]) -> list[RefusalKind]:
    """The kinds with the fingerprint, one of each credential; none where numbers alone are named."""
    kinds = list(RefusalKind.objects.filter(fingerprint=options["fingerprint"])) if options["fingerprint"] else []
    if not options["numbers"] and not kinds:
        raise QuarantineError("Name numbers, or the fingerprint of a kind.")
    return kinds


def _chosen(options: Mapping[str, Any]) -> list[Refusal]:
    """Those that were named, and the open ones of the kind, oldest first."""
    numbers = list(options["numbers"])
    if options["fingerprint"]:
        of_kind = quarantine.refusals(fingerprint=options["fingerprint"], state=Refusal.State.OPEN)
        numbers += sorted(set(of_kind.values_list("pk", flat=True)).difference(numbers))
    if not numbers:
        raise QuarantineError("Name numbers, or a fingerprint that has open ones.")
    return [quarantine.get(number) for number in numbers]


def _all_replayed(answer: Answer) -> bool:
    return isinstance(answer, list) and all(each["state"] == Refusal.State.REPLAYED for each in answer)


def _credential(options: Mapping[str, Any]) -> int | None:
    return credentials.named(options["credential"]).pk if options["credential"] else None


def _kind(kind: RefusalKind) -> dict[str, Any]:
    return {
        "fingerprint": kind.fingerprint,
        "credential": kind.credential.name,
        "status": kind.status,
        "what": kind.what.splitlines(),
        "sentence": kind.sentence,
        "count": kind.count,
        "first": kind.first.isoformat(),
        "last": kind.last.isoformat(),
        "dismissed": kind.dismissed,
    }


def _brief(refusal: Refusal) -> dict[str, Any]:
    return {
        "number": refusal.pk,
        "fingerprint": refusal.kind.fingerprint,
        "credential": refusal.credential.name,
        "received": refusal.received.isoformat(),
        "last": refusal.last.isoformat(),
        "times": refusal.times,
        "request": f"{refusal.method} {refusal.path}",
        "status": refusal.status,
        "sentence": refusal.sentence,
        "state": refusal.state,
        "result": refusal.result,
    }


def _whole(refusal: Refusal) -> dict[str, Any]:
    edited = None if refusal.edited is None else bytes(refusal.edited).decode(errors="replace")
    return {
        **_brief(refusal),
        "query": refusal.query,
        "headers": refusal.headers,
        "errors": refusal.errors,
        "note": refusal.note,
        "body": bytes(refusal.body).decode(errors="replace"),
        "edited": edited,
    }


def _for_people(answer: Answer) -> str:
    if isinstance(answer, list):
        return "\n\n".join(map(_for_people, answer)) or "There is nothing."
    return "\n".join(f"{name:12} {_plain(value)}" for name, value in answer.items())


def _plain(value: object) -> str:
    return json.dumps(value) if isinstance(value, dict | list) else "-" if value is None else str(value)

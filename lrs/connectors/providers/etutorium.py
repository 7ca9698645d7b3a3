"""eTutorium: the check and who is registered. Not verified against the live service.

Facts: the source of two clients (davintoo/etutorium-api, felgenner/moodle.etutorium.com). No description of the API is
published, and nobody has shown how it tells who was there: attendance comes by the signed webhook or CSV.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lrs.connectors.contract import CheckFailed, Context, Provider, Setting, SettingKind, Webinars
from lrs.connectors.providers import silent
from lrs.connectors.transport import Refusal, TransportError
from lrs.connectors.webinars import settings as webinars
from lrs.connectors.webinars.attendance import Asked, Attendee, Role

ENDPOINT = "https://api.etutorium.com"
UNVERIFIED = (
    "Not verified against the live service. Who was there is not told by any known call:"
    " attendance comes by the signed webhook or CSV."
)
_NAMES = (("name",), ("full_name",), ("first_name", "second_name"), ("first_name", "last_name"))
_PRESENTERS = frozenset({"presenter", "moderator"})


def check(context: Context) -> str:
    """Read the account's webinars."""
    try:
        found = _get(context, "/cabinet/webinar", {})
    except Refusal as problem:
        if problem.status in (401, 403):
            raise CheckFailed(f"eTutorium does not take api_token. {problem}") from None
        raise CheckFailed(f"eTutorium does not answer as its clients expect; is endpoint right? {problem}") from None
    number = f" {len(found)} webinars." if isinstance(found, list) else ""
    return f"eTutorium takes api_token.{number} {UNVERIFIED}"


def roster(context: Context, asked: Asked) -> Sequence[Attendee]:
    """Who is registered for a webinar; that they came is not said. Raises CheckFailed, TransportError."""
    if not asked.meeting.isdecimal():
        raise CheckFailed(f"eTutorium's webinars have numbers, and this session's room is {asked.meeting!r}.")
    return list(_registered(_get(context, "/rest/participant", {"webinar_id": asked.meeting})))


def _registered(found: Any) -> Iterator[Attendee]:
    """The people in a list whose fields are known only in part; rows that name nobody are left out."""
    rows = found if isinstance(found, list) else list(found.values()) if isinstance(found, dict) else []
    for row in rows:
        if not isinstance(row, dict):
            continue
        email = next((text for name in ("email", "username") if "@" in (text := _text(row, name))), "")
        if email:
            role = Role.PRESENTER if _text(row, "role").lower() in _PRESENTERS else Role.ATTENDEE
            yield Attendee(email=email, name=_name(row), role=role)


def _name(row: Mapping[str, Any]) -> str:
    spelled = (" ".join(filter(None, (_text(row, one) for one in names))) for names in _NAMES if names[-1] in row)
    return next(filter(None, spelled), "")


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value.strip() if isinstance(value, str) else ""


def _get(context: Context, path: str, params: Mapping[str, str]) -> Any:
    """What is in the envelope. Raises CheckFailed where it says no, TransportError."""
    answer = context.http.send(
        "GET",
        f"{str(context.settings['endpoint'] or ENDPOINT).rstrip('/')}{path}",
        params=params or None,
        headers={"x-apikey-token": str(context.settings["api_token"]), "accept": "application/json"},
    ).json()
    if not isinstance(answer, dict):
        raise TransportError("eTutorium's answer is not an object.")
    if answer.get("ok") is True:
        return answer.get("response")
    said = answer.get("error") or answer.get("validate") or answer.get("message") or "nothing more"
    sentence = "; ".join(map(str, said)) if isinstance(said, list) else str(said)
    raise CheckFailed(f"eTutorium says no: {sentence[:300]}")


PROVIDER = Provider(
    name="etutorium",
    title="eTutorium",
    settings=(
        Setting("endpoint", "END Point", SettingKind.URL, default=ENDPOINT),
        Setting("api_token", "API Token of the account", SettingKind.SECRET, required=True),
        *webinars.SETTINGS,
    ),
    problem=webinars.problem,
    verify=silent.verify,
    cut=silent.cut,
    read=silent.read,
    check=check,
    webinars=Webinars(roster=roster),
)

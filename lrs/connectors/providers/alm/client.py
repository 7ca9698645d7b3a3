"""ALM's public API, version 2: who the ids are, and what it has of a learner or a learning object.

At most 500 calls an hour for each endpoint, then 429 with a retry-after that may have a fraction.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urljoin
from uuid import NAMESPACE_URL, uuid5

from lrs.connectors.contract import CheckFailed, Context, Page, Received, Token
from lrs.connectors.events import PersonUpdate, ThingUpdate
from lrs.connectors.providers.alm import events, reports, settings, times, webhook
from lrs.connectors.providers.alm.ordering import BACKFILLED
from lrs.connectors.transport import Refusal, Reply

_ACCEPT = {"accept": "application/vnd.api+json"}
# Renewed a little before it ends, so that it does not end under way.
_EARLY = timedelta(minutes=5)
_SCOPE = "admin:read"
_USERS_PAGE = 100
_ENROLMENTS_PAGE = 10
# Job states as Adobe's pages show them; anything else means "not yet".
_DONE, _FAILED = frozenset({"completed", "complete", "success"}), frozenset({"failed", "error", "cancelled"})
_POLLS = 120
# The event that ALM should have sent, by the kind of learning object.
_PREFIX = {"course": "COURSE", "learningProgram": "LEARNING_PATH", "certification": "CERTIFICATION"}


def check(context: Context) -> str:
    """Sign in and read one user."""
    given = context.settings
    if not (given["client_id"] and given["client_secret"] and given["refresh_token"]):
        if any(given[name] for name in ("client_id", "client_secret", "refresh_token")):
            raise CheckFailed("client_id, client_secret and refresh_token are needed together; set the missing one.")
        if given["actor"] == "mbox" and context.knows_emails():
            return (
                "the webhook can receive; e-mails come from the user report alone, and events of people who are not in"
                " it wait: import it again from time to time."
            )
        if given["actor"] == "mbox":
            raise CheckFailed(
                "actor=mbox needs e-mails: set client_id, client_secret and refresh_token of an ALM application, or"
                " import the user report with `manage.py connection import --users FILE`."
            )
        return "the webhook can receive; without client_id, client_secret and refresh_token ids stay without names."
    try:
        api = _Api(context)
        page = api.get("users", "users", {"page[limit]": "1"})
    except Refusal as problem:
        raise CheckFailed(_advice(problem)) from None
    number = len(page.get("data") or [])
    return f"ALM's API answers; it lists {'users' if number else 'no users yet'}."


def people(context: Context, ids: Sequence[str]) -> Sequence[PersonUpdate]:
    """Who these users are, one call each: no call for several is documented."""
    api = _Api(context)
    found = []
    for id in ids:
        try:
            found.append(_person(api.get("users", f"users/{quote(id, safe='')}")["data"]))
        except Refusal as problem:
            if problem.status not in (400, 404):
                raise
            found.append(PersonUpdate(id, missing=True))
    return found


def all_people(context: Context) -> Iterator[Page]:
    """Everybody: by a report job where the account has that, which is a handful of calls; else page by page."""
    api = _Api(context)
    try:
        address = _report(api, context)
    except Refusal as problem:
        if problem.status not in (400, 403, 404, 405):
            raise
        for page in api.pages("users", "users", {"page[limit]": str(_USERS_PAGE)}):
            yield Page(people=[_person(one) for one in page])
        return
    # The file lies at a storage service's signed address, which must not see the token.
    text = context.http.send("GET", address).body.decode("utf-8-sig")
    rows = list(reports.users(text.splitlines(keepends=True)))
    for start in range(0, len(rows), 500):
        yield Page(people=rows[start : start + 500], total=len(rows))


def things(context: Context, ids: Sequence[str]) -> Sequence[ThingUpdate]:
    """What these learning objects and their instances are (10 ids in one call)."""
    answer = _Api(context).get("learningObjects", "learningObjects", {"ids": ",".join(ids), "include": "instances"})
    found = [_thing(one) for one in answer.get("data") or []]
    owners = {
        one["id"]: owner["id"]
        for owner in answer.get("data") or []
        for one in ((owner.get("relationships") or {}).get("instances") or {}).get("data") or []
    }
    instances = [one for one in answer.get("included") or [] if one.get("type") == "learningObjectInstance"]
    return [*found, *(_instance(one, owners.get(one["id"], "")) for one in instances)]


def enrolments(context: Context, user: str, thing: str) -> Iterator[Received]:
    """The events that must have been sent for a user, or for everybody in a learning object, as the API has it.

    The addresses of enrolments are those of Adobe's API reference; they were not tried against the live service.
    """
    if not context.settings["account_id"]:
        raise CheckFailed("What ALM has is compared within the account that events name: set account_id.")
    api = _Api(context)
    if user:
        paths = [f"users/{quote(user, safe='')}/enrollments"]
    else:
        one = api.get("learningObjects", f"learningObjects/{quote(thing, safe=':')}", {"include": "instances"})["data"]
        listed = ((one.get("relationships") or {}).get("instances") or {}).get("data") or []
        paths = [
            f"learningObjects/{quote(thing, safe=':')}/instances/{quote(instance['id'], safe=':')}/enrollments"
            for instance in listed
        ]
    for path in paths:
        for page in api.pages("enrollments", path, {"page[limit]": str(_ENROLMENTS_PAGE)}):
            for enrolment in page:
                if not user or not thing or _related(enrolment, "learningObject") == thing:
                    yield from _should_have_come(enrolment, user, context)


class _Api:
    """Calls with the access token, which is renewed when it ends or is refused."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._base = settings.api_url(context.settings) + "/"

    def get(self, bucket: str, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The JSON of an answer."""
        answer: dict[str, Any] = self._send("GET", bucket, path, params=params).json()
        return answer

    def post(self, bucket: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON of an answer to JSON."""
        answer: dict[str, Any] = self._send("POST", bucket, path, json=body).json()
        return answer

    def pages(self, bucket: str, path: str, params: Mapping[str, str]) -> Iterator[list[dict[str, Any]]]:
        """What is on each page, by the links to the next; ends also where the links go round."""
        seen: set[str] = set()
        answer = self.get(bucket, path, params)
        while True:
            yield answer.get("data") or []
            following = (answer.get("links") or {}).get("next")
            if not following or following in seen:
                return
            seen.add(following)
            answer = self.get(bucket, urljoin(self._base, following))

    def _send(self, method: str, bucket: str, path: str, **options: Any) -> Reply:
        url = path if path.startswith(("https://", "http://")) else self._base + path
        if not url.startswith(self._base):
            raise CheckFailed(f"ALM's API links to another address ({url[:80]}); the token is not sent there.")
        for fresh in (False, True):
            token = self._token(fresh)
            headers = {**_ACCEPT, "authorization": f"oauth {token}"}
            try:
                return self._context.http.send(method, url, bucket=f"{bucket}:500/3600", headers=headers, **options)
            except Refusal as problem:
                if problem.status != 401 or fresh:
                    raise
        raise AssertionError("unreachable")

    def _token(self, fresh: bool) -> str:
        kept = self._context.tokens.current()
        if kept is not None and not fresh and kept.ends > self._context.now() + _EARLY:
            return kept.access
        with self._context.tokens.renewing() as now:
            if now is not None and now != kept and now.ends > self._context.now() + _EARLY:
                return now.access
            return self._renew(now)

    def _renew(self, kept: Token | None) -> str:
        given = self._context.settings
        form = {
            "client_id": given["client_id"],
            "client_secret": given["client_secret"],
            "refresh_token": (kept and kept.refresh) or given["refresh_token"],
        }
        answer = self._context.http.send("POST", settings.token_url(given), form=form, headers=_ACCEPT).json()
        lasts = timedelta(seconds=float(answer.get("expires_in") or 0))
        access = str(answer["access_token"])
        newest = str(answer.get("refresh_token") or form["refresh_token"])
        self._context.tokens.keep(Token(access, self._context.now() + lasts, newest, _SCOPE))
        return access


def _advice(problem: Refusal) -> str:
    if problem.status in (400, 401):
        return f"{problem}; check client_id, client_secret and refresh_token, or approve the application in ALM anew."
    if problem.status == 403:
        return f"{problem}; the application needs the scope {_SCOPE} and an administrator's approval."
    return str(problem)


def _report(api: _Api, context: Context) -> str:
    body = {
        "data": {
            "type": "job",
            "attributes": {
                "description": "names and e-mails for the learning record store",
                "jobType": "generateUsers",
                "payload": {"expandMetadata": True},
            },
        }
    }
    job = api.post("jobs", "jobs", body)["data"]
    for turn in range(_POLLS):
        attributes = job.get("attributes") or {}
        state = str((attributes.get("status") or {}).get("code", "")).lower()
        address = _address(attributes)
        if address and state in _DONE:
            return address
        if state in _FAILED:
            raise Refusal(400, f"the job {job.get('id')} ended as {state}", "ALM")
        # A report of few people is ready soon.
        context.http.pause(min(5.0, 0.5 * 2**turn))
        job = api.get("jobs", f"jobs/{quote(str(job['id']), safe='')}")["data"]
    raise CheckFailed("ALM has not finished the user report in ten minutes; try again later.")


def _address(attributes: Mapping[str, Any]) -> str:
    """Where the file of a finished job lies. Adobe's pages do not agree on the name, so any of them will do."""
    places = (attributes, attributes.get("status") or {}, attributes.get("payload") or {})
    for place in places:
        for name in ("dwnldUrl", "downloadUrl", "url", "data", "s3Url"):
            value = place.get(name)
            if isinstance(value, str) and value.startswith(("https://", "http://")):
                return value
    return ""


def _person(resource: Mapping[str, Any]) -> PersonUpdate:
    said = resource.get("attributes") or {}
    return PersonUpdate(
        id=str(resource["id"]),
        email=str(said.get("email") or ""),
        name=str(said.get("name") or ""),
        unique_id=str(said.get("userUniqueId") or ""),
        state=str(said.get("state") or ""),
    )


def _thing(resource: Mapping[str, Any]) -> ThingUpdate:
    said = resource.get("attributes") or {}
    seconds = said.get("duration")
    return ThingUpdate(
        external=str(resource["id"]),
        at=None,
        kind=events.TYPES.get(str(said.get("loType") or "")),
        names=_names(said),
        state=str(said.get("state") or "") or None,
        seconds=seconds if isinstance(seconds, int) else None,
        stale=False,
    )


def _instance(resource: Mapping[str, Any], owner: str) -> ThingUpdate:
    said = resource.get("attributes") or {}
    seats = said.get("seatLimit")
    return ThingUpdate(
        external=owner,
        at=None,
        instance=str(resource["id"]),
        names=_names(said),
        state=str(said.get("state") or "") or None,
        seats=seats if isinstance(seats, int) else None,
    )


def _names(said: Mapping[str, Any]) -> dict[str, str] | None:
    listed = said.get("localizedMetadata") or []
    names = {str(one.get("locale") or "und"): str(one["name"]).strip() for one in listed if one.get("name")}
    return names or None


def _related(resource: Mapping[str, Any], name: str) -> str:
    data = ((resource.get("relationships") or {}).get(name) or {}).get("data") or {}
    return str(data.get("id") or "")


def _should_have_come(enrolment: Mapping[str, Any], user: str, context: Context) -> Iterator[Received]:
    """An enrolment's id is loInstanceId_userId; the loInstanceId is loId_number."""
    said = enrolment.get("attributes") or {}
    learner = _related(enrolment, "learner") or user or str(enrolment["id"]).rpartition("_")[2]
    instance = _related(enrolment, "loInstance") or str(enrolment["id"]).rpartition("_")[0]
    thing = _related(enrolment, "learningObject") or instance.rpartition("_")[0]
    kind = webhook.same_prefix(thing).partition(":")[0]
    prefix = _PREFIX.get(kind)
    if prefix is None:
        return
    about = {"userId": learner, "loId": thing, "loInstanceId": instance, "loType": kind}
    completed = said.get("dateCompleted") or said.get("completedOn")
    passed = {"hasPassed": said["hasPassed"]} if isinstance(said.get("hasPassed"), bool) else {}
    progress = said.get("progressPercent")
    account = context.settings["account_id"]
    if said.get("dateEnrolled"):
        date = said["dateEnrolled"]
        yield _made(account, f"{prefix}_ENROLLMENT", enrolment["id"], date, {**about, "dateEnrolled": date})
    if completed:
        data = {**about, **passed, "dateCompleted": completed}
        yield _made(account, f"{prefix}_COMPLETED", enrolment["id"], completed, data)
    elif isinstance(progress, int) and 0 < progress < 100:
        # When it was is not told: the start is all that is known.
        begun = said.get("dateUpdated") or said.get("dateStarted") or said.get("dateEnrolled")
        data = {**about, "progressPercent": progress}
        yield _made(account, "LEARNER_PROGRESS", f"{enrolment['id']}:{progress}", begun, data)


def _made(account: str, name: str, id: str, date: Any, data: Mapping[str, Any]) -> Received:
    """The event as ALM would have sent it; without an eventId of ALM's, which nobody can know."""
    at = times.read(date)
    # A hash, since it stays with what is remembered of the ordering: an enrolment's id names the learner.
    event_id = f"{BACKFILLED}{uuid5(NAMESPACE_URL, f'{id}:{at.isoformat() if at else date}')}"
    event = {"eventId": event_id, "eventName": name, "timestamp": date, "data": dict(data)}
    number: Any = int(account) if account.isdecimal() else account
    return Received(account, name, event_id, at, webhook.ordering(account, data), {"account": number, "event": event})

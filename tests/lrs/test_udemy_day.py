"""A day with Udemy Business, from the token to the report, as an administrator and a learner see it."""

import json
import uuid
from io import StringIO
from pathlib import Path

import httpx
import pytest
from django.core.management import call_command
from django.utils import timezone

from lrs import credentials, watch
from lrs.models import Token
from statements.models import Provenance, Retry, Statement

PAYLOADS = Path(__file__).parents[1] / "payloads" / "udemy"
COURSE = "https://www.udemy.com/course/533682"
TRIES = 10


def payload(name, **changed):
    return json.loads((PAYLOADS / f"{name}.json").read_text()) | {"id": str(uuid.uuid4())} | changed


def run(*arguments):
    output = StringIO()
    call_command(*arguments, "--json", stdout=output)
    return json.loads(output.getvalue())


class Udemy:
    """Udemy Business with the four values that an administrator pasted."""

    def __init__(self, lrs_url, issued):
        self.url = lrs_url
        self.issued = issued
        self.token = self.fetch_token()

    def fetch_token(self):
        form = {"grant_type": "client_credentials", "scope": "xapi:write"}
        form |= {"client_id": self.issued.credential.key, "client_secret": self.issued.secret}
        answer = httpx.post(f"{self.url}/oauth/token", data=form)
        assert answer.status_code == 200, answer.text
        assert answer.json()["expires_in"] == 3600
        assert "xapi:write" in answer.json()["scope"].split()
        return answer.json()["access_token"]

    def send(self, statement, **headers):
        headers = {"Authorization": f"Bearer {self.token}", **headers}
        return httpx.post(f"{self.url}/xapi/statements", json=statement, headers=headers)

    def try_hard(self, statement, **headers):
        """All its tries; the ids of each."""
        answers = [self.send(statement, **headers) for _ in range(TRIES)]
        assert [answer.status_code for answer in answers] == [200] * TRIES, answers[-1].text
        return {tuple(answer.json()) for answer in answers}


@pytest.fixture
def udemy(lrs_url, store):
    issued = credentials.create(f"udemy {uuid.uuid4()}", store=store.name, profile="udemy")
    return Udemy(lrs_url, issued)


def progressed(kind, percent, **changed):
    statement = payload(f"{kind}_progressed", **changed)
    if kind == "course":
        statement["result"]["score"]["scaled"] = percent / 100
    else:
        statement["result"]["extensions"] = {"https://w3id.org/xapi/cmi5/result/extensions/progress": percent}
    statement["timestamp"] = f"2025-01-{percent // 25:02d}T09:30:00.000Z"
    return statement


def reported(store):
    rows = Statement.objects.filter(store=store.pk).order_by("kind", "timestamp")
    return [(row.kind, row.progress, row.completed) for row in rows]


@pytest.mark.parametrize("with_ids", [True, False], ids=["with ids", "without ids"])
@pytest.mark.parametrize("version", [{}, {"X-Experience-API-Version": "1.0.3"}], ids=["no version", "version"])
def test_every_step_of_a_learner_is_kept_once_however_often_it_is_sent(udemy, store, with_ids, version):
    completed = [payload("course_completed"), payload("learning_path_completed_extension100")]
    steps = [progressed(kind, percent) for kind in ("course", "learning_path") for percent in (25, 50, 75)] + completed
    if not with_ids:
        for step in steps:
            del step["id"]
    kept = [udemy.try_hard(step, **version) for step in steps]
    assert all(len(ids) == 1 for ids in kept)
    assert reported(store) == [
        ("course", 25.0, False),
        ("course", 50.0, False),
        ("course", 75.0, False),
        ("course", 100.0, True),
        ("learning_path", 25.0, False),
        ("learning_path", 50.0, False),
        ("learning_path", 75.0, False),
        ("learning_path", 100.0, True),
    ]
    assert set(Retry.objects.filter(store=store.pk).values_list("count", flat=True)) == {TRIES - 1}
    its = watch.figures(udemy.issued.credential, timezone.now())
    assert sum(its.statements.values()) == len(steps)
    assert its.retries == len(steps) * (TRIES - 1)
    assert its.findings == {}


def test_a_token_works_for_an_hour_and_not_longer(udemy):
    assert udemy.send(payload("course_progressed")).status_code == 200
    an_hour_old = udemy.fetch_token()
    Token.objects.filter(credential=udemy.issued.credential).update(expires=timezone.now())
    udemy.token = an_hour_old
    refused = udemy.send(payload("course_progressed"))
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')
    udemy.token = udemy.fetch_token()
    assert udemy.send(payload("course_progressed")).status_code == 200


def test_what_is_refused_is_mended_and_replayed_and_nothing_is_lost(udemy, store, tmp_path):
    name = udemy.issued.credential.name
    path_at_100 = payload("learning_path_completed_scaled100_INVALID")
    course_at_25 = payload("scaled_out_of_range")
    bodies = [json.dumps(path_at_100), json.dumps(course_at_25), "this is not JSON"]
    for body in bodies:
        headers = {"Authorization": f"Bearer {udemy.token}", "Content-Type": "application/json"}
        for _ in range(TRIES):
            answer = httpx.post(f"{udemy.url}/xapi/statements", content=body, headers=headers)
            assert answer.status_code == 400
    assert reported(store) == []
    kept = run("quarantine", "list", "--credential", name)
    assert [each["times"] for each in kept] == [TRIES] * 3
    kinds = run("quarantine", "kinds", "--credential", name)
    # Both scaled scores are out of range at the same place: one reason.
    assert sorted(kind["what"] for kind in kinds) == [["json"], ["range /result/score/scaled"]]
    by_body = {run("quarantine", "show", str(each["number"]))["body"]: each["number"] for each in kept}
    numbers = [by_body[body] for body in bodies]
    shown = run("quarantine", "show", str(numbers[0]))
    assert "authorization" not in shown["headers"]
    assert udemy.token not in json.dumps(shown)
    assert [error["pointer"] for error in shown["errors"]] == ["/result/score/scaled"]

    with pytest.raises(SystemExit):
        run("quarantine", "replay", str(numbers[0]))
    assert run("quarantine", "show", str(numbers[0]))["result"]["status"] == 400

    run("credential", "change", name, "--repair", "scaled-0-100-to-extension")
    assert run("quarantine", "replay", str(numbers[0]))[0]["result"]["answer"] == [path_at_100["id"]]
    assert reported(store) == [("learning_path", 100.0, True)]
    provenance = Provenance.objects.get(store=store.pk)
    assert provenance.original == bodies[0]
    assert json.loads(provenance.repairs) == ["scaled-0-100-to-extension@1"]
    assert provenance.received is not None
    assert provenance.received.isoformat() == shown["received"]
    assert provenance.refusal == numbers[0]

    course_at_25["result"]["score"]["scaled"] = 0.25
    mended = tmp_path / "mended.json"
    mended.write_text(json.dumps(course_at_25))
    run("quarantine", "edit", str(numbers[1]), "--file", str(mended))
    assert run("quarantine", "replay", str(numbers[1]))[0]["state"] == "replayed"
    assert run("quarantine", "dismiss", str(numbers[2]))[0]["state"] == "dismissed"
    assert reported(store) == [("course", 25.0, False), ("learning_path", 100.0, True)]
    # Udemy knows nothing of this and tries again, half a day later and with another token.
    udemy.token = udemy.fetch_token()
    udemy.try_hard(path_at_100)
    udemy.try_hard(course_at_25)
    assert reported(store) == [("course", 25.0, False), ("learning_path", 100.0, True)]


def test_the_four_values_to_paste_are_printed(lrs_url, store):
    name = f"udemy {uuid.uuid4()}"
    made = run("credential", "create", name, "--profile", "udemy", "--store", store.name)
    assert made["token_url"].endswith("/oauth/token")
    assert made["statement_url"].endswith("/xapi/statements")
    assert (made["client_id"], made["client_secret"]) == (made["key"], made["secret"])
    assert (made["default_version"], made["content_ids"], made["shapes"]) == ("1.0.3", True, True)

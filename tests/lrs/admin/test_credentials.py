"""Credentials in the administration: made, shown once, treated, renewed, withdrawn."""

import re
import uuid
from datetime import timedelta

import httpx
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from lrs import auth
from lrs.models import Credential, CredentialUse
from statements.counts import Day
from statements.models import Act, Finding
from tests import sample
from tests.client import TLS

LIST = "/admin/lrs/credential/"


def _copied(html: str, id: str) -> str:
    return re.findall(rf'id="{id}">([^<]*)<', html)[0]


def test_a_new_credential_shows_its_secret_once_and_works(administrator, store, lrs_url):
    name = f"Udemy {uuid.uuid4()}"
    answer = administrator.post(LIST + "add/", {"name": name, "profile": "udemy", "store": store.name})
    html = answer.content.decode()
    made = Credential.objects.get(name=name)
    key, secret = _copied(html, "key"), _copied(html, "secret")
    assert "no-store" in answer.headers["Cache-Control"]
    assert _copied(html, "token-url").endswith("/oauth/token")
    assert _copied(html, "statement-url").endswith("/xapi/statements")
    assert auth.check_secret(secret, made.secret_hash)
    sent = httpx.post(f"{lrs_url}/xapi/statements", json=sample.statement(), auth=(key, secret), verify=TLS)
    assert sent.status_code == 200
    for page in (LIST, f"{LIST}{made.pk}/change/", "/admin/statements/act/"):
        shown = administrator.get(page).content.decode()
        assert secret not in shown
        assert made.secret_hash not in shown
    act = Act.objects.get(kind="lrs.credential", thing=str(made.pk))
    assert (act.what, made.secret_hash in act.after, secret in act.after) == ("add", False, False)


def test_the_list_takes_as_many_queries_for_many_credentials_as_for_few(operator, store, credential):
    from lrs import credentials

    sample.send(credential.credential, [sample.statement()])
    operator.get(LIST, {"store": store.pk})
    with CaptureQueriesContext(connection) as few:
        html = operator.get(LIST, {"store": store.pk}).content.decode()
    assert "just now" in html
    for _ in range(5):
        credentials.create(f"one more {uuid.uuid4()}", store=store.name)
    with CaptureQueriesContext(connection) as many:
        operator.get(LIST, {"store": store.pk})
    assert len(many) == len(few) <= 12


def test_how_a_sender_is_treated_is_changed_and_written_down(administrator, credential):
    row = credential.credential
    fields = {
        "default_version": "2.0.0",
        "mode": "reject",
        "repairs": ["numeric-string"],
        "silence_hours": "5",
        "base": "",
    }
    administrator.post(f"{LIST}{row.pk}/treat/", fields)
    row.refresh_from_db()
    assert (row.default_version, row.mode, row.repairs, row.silence_hours) == ("2.0.0", "reject", ["numeric-string"], 5)
    act = Act.objects.get(kind="lrs.credential", thing=str(row.pk))
    assert ('"mode": "report"' in act.before, '"mode": "reject"' in act.after, '"name"' in act.after) == (
        True,
        True,
        False,
    )


def test_a_wrong_treatment_is_answered_at_its_field(administrator, credential):
    row = credential.credential
    answer = administrator.post(f"{LIST}{row.pk}/treat/", {"mode": "report", "silence_hours": "-1"})
    assert "errorlist" in answer.content.decode()
    row.refresh_from_db()
    assert row.silence_hours == 0


def test_a_new_secret_replaces_the_old_one(administrator, operator, credential):
    row = credential.credential
    assert operator.post(f"{LIST}{row.pk}/rotate/").status_code == 403
    html = administrator.post(f"{LIST}{row.pk}/rotate/").content.decode()
    row.refresh_from_db()
    assert auth.check_secret(_copied(html, "secret"), row.secret_hash)
    assert not auth.check_secret(credential.secret, row.secret_hash)
    act = Act.objects.get(kind="lrs.credential", thing=str(row.pk))
    assert (act.what, row.secret_hash in act.before + act.after) == ("rotate", False)
    assert "secret_hash" in act.after


def test_a_credential_is_disabled_and_enabled(administrator, credential):
    row = credential.credential
    for what, disabled in (("disable", True), ("enable", False)):
        administrator.post(f"{LIST}{row.pk}/{what}/")
        row.refresh_from_db()
        assert row.disabled is disabled
    assert [act.what for act in Act.objects.filter(kind="lrs.credential", thing=str(row.pk)).order_by("pk")] == [
        "disable",
        "enable",
    ]


def test_a_credential_s_page_takes_as_many_queries_for_many_days_and_findings_as_for_few(operator, credential):
    row = credential.credential
    Credential.objects.filter(pk=row.pk).update(profile="udemy")
    row.refresh_from_db()
    page = f"{LIST}{row.pk}/change/"
    sample.send(row, [sample.statement(result={"completion": True})])
    operator.get(page)
    with CaptureQueriesContext(connection) as few:
        operator.get(page)
    sample.send(row, [sample.statement(result={"completion": True}) for _ in range(20)])
    now = timezone.now()
    for back in range(13):
        Day.objects.create(
            store=row.store_id, day=now.date() - timedelta(days=back + 1), credential=row.pk, statements=5, last=now
        )
        Finding.objects.create(
            store=row.store_id, statement=uuid.uuid4(), number=0, stored=now - timedelta(days=back + 1),
            credential=row.pk, rule="completion", pointer="", problem="", severity="warning",
        )  # fmt: skip
    with CaptureQueriesContext(connection) as many:
        html = operator.get(page).content.decode()
    assert html.count(f"{(now - timedelta(days=13)).date()}") >= 1
    assert len(many) == len(few) <= 20


def test_a_rate_limit_is_set_shown_and_removed_by_form(administrator, credential, store):
    row = credential.credential
    page = f"{LIST}{row.pk}/change/"
    assert "any number" in administrator.get(page).content.decode()
    for given, kept in (("120", 120), ("", 0)):
        administrator.post(f"{LIST}{row.pk}/treat/", {"mode": "report", "silence_hours": "0", "rate_limit": given})
        row.refresh_from_db()
        assert row.rate_limit == kept
        if kept:
            assert "<dd>120</dd>" in administrator.get(page).content.decode()
            assert "120" in administrator.get(LIST, {"store": store.pk}).content.decode()
    name = f"Udemy {uuid.uuid4()}"
    administrator.post(LIST + "add/", {"name": name, "store": store.name, "rate_limit": "7"})
    assert Credential.objects.get(name=name).rate_limit == 7


def test_when_it_was_last_used_is_on_its_page_and_in_the_list(operator, credential, store):
    row = credential.credential
    CredentialUse.objects.create(credential=row, last=timezone.now() - timedelta(hours=3))
    for page in (f"{LIST}{row.pk}/change/", f"{LIST}?store={store.pk}"):
        html = operator.get(page).content.decode()
        assert "Last used" in html
        assert "3 hours ago" in html.replace("\xa0", " ")


def test_the_credential_of_a_connection_is_shown_as_such(administrator, store):
    from lrs.connectors import connections

    made = connections.create("attendance", f"Rooms {uuid.uuid4()}", {"store": store.name, "secret": "x" * 40})
    page = administrator.get(f"{LIST}{made.credential_id}/change/").content.decode()
    assert f'<a href="/admin/connectors/connection/{made.pk}/change/">{made.name}</a>' in page
    assert ("New secret" in page, "To be pasted" in page, made.credential.key in page) == (False, False, False)
    html = administrator.get(LIST, {"store": store.pk}).content.decode()
    assert ("what its connection takes in" in html, made.credential.key in html) == (True, False)


def test_every_repair_says_what_it_does(administrator, credential):
    from lrs.admin.repairs import WORDS
    from statements.profiles.repairs import REPAIRS

    assert set(WORDS) == set(REPAIRS)
    page = administrator.get(f"{LIST}{credential.credential.pk}/change/").content.decode()
    assert "numeric-string: reads numbers of a score that are written as text" in page


def test_refusals_and_findings_lead_to_their_lists(administrator, store, client, credential):
    row = credential.credential
    assert client.post_statements(sample.statement(result={"score": {"scaled": "1"}})).status_code == 400
    sample.send(row, [sample.statement()])
    from statements.models import Statement

    one = Statement.objects.filter(store=store.pk)[0]
    Finding.objects.create(
        store=store.pk, statement=one.pk, number=0, credential=row.pk, stored=one.stored, rule="course-scaled",
        pointer="/result", problem="It is.", severity="warning",
    )  # fmt: skip
    page = administrator.get(f"{LIST}{row.pk}/change/").content.decode().replace("&amp;", "&")
    (refusals,) = re.findall(rf'href="(/admin/lrs/refusalkind/\?credential={row.pk}&state=open)"', page)
    assert "1 open" in administrator.get(refusals).content.decode()
    (findings,) = re.findall(rf'href="(/admin/statements/statement/\?source={row.pk}&findings=yes&[^"]*)"', page)
    assert f"/admin/statements/statement/{one.pk}/change/" in administrator.get(findings).content.decode()

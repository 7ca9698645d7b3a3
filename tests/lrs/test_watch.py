import json
import re
import uuid
from datetime import timedelta
from io import StringIO

import httpx
import pytest
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from lrs import credentials, notices, watch
from lrs.models import Credential, RefusalKind, Shape
from statements import glance
from statements.counts import Counted, Day
from tests import sample
from tests.client import Client
from tests.standins import listener


@pytest.fixture
def issued(store):
    return credentials.create(f"udemy {uuid.uuid4()}", store=store.name, profile="udemy")


@pytest.fixture
def udemy(lrs_url, issued):
    with Client(lrs_url, issued.credential.key, issued.secret) as client:
        yield client


def statement(**changed):
    return {
        "actor": {"mbox": f"mailto:{uuid.uuid4()}@example.com"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/progressed"},
        "object": {"id": "https://www.udemy.com/course/533682"},
        "result": {"completion": False, "score": {"scaled": 0.25}},
        "timestamp": "2025-01-15T09:30:00Z",
    } | changed


def selfcheck(issued):
    output = StringIO()
    try:
        call_command("selfcheck", "--json", "--store", issued.credential.store.name, stdout=output)
    except SystemExit as stopped:
        return stopped.code, json.loads(output.getvalue())
    return 0, json.loads(output.getvalue())


def its(issued, troubles):
    return [(each["what"], each["sentence"]) for each in troubles if each["credential"] == issued.credential.name]


def test_the_figures_of_a_credential_come_from_what_is_stored(udemy, client, issued):
    begun = timezone.now()
    assert udemy.post_statements([statement(), statement(result={"completion": True})]).status_code == 200
    assert client.post_statements(statement()).status_code == 200
    assert udemy.post_statements(statement(verb={})).status_code == 400
    figures = watch.figures(issued.credential, timezone.now())
    today = timezone.now().date().isoformat()
    assert figures.statements == {today: 2}
    assert figures.findings == {"completion": {today: 1}, "course-scaled": {today: 1}}
    for last in (figures.last_statement, figures.last_refusal):
        assert last is not None
        assert begun < last < timezone.now()
    assert figures.open_refusals == 1
    assert figures.new_refusal_kinds == ["required /verb/id"]


def test_silence_is_trouble_and_ends_with_the_next_statement(udemy, issued):
    credentials.change(issued.credential.name, silence_hours=2)
    Credential.objects.filter(pk=issued.credential.pk).update(created=timezone.now() - timedelta(hours=3))
    code, said = selfcheck(issued)
    assert code == 1
    assert its(issued, said["troubles"]) == [("silence", "no statement ever; 2 hours are allowed")]
    assert udemy.post_statements(statement()).status_code == 200
    assert its(issued, selfcheck(issued)[1]["troubles"]) == []
    later = timezone.now() + timedelta(hours=2, seconds=1)
    credential = Credential.objects.select_related("store").get(pk=issued.credential.pk)
    assert watch.figures(credential, later).silent
    credentials.disable(issued.credential.name)
    assert issued.credential.name not in [trouble.credential for trouble in watch.troubles(later)]


def test_a_new_kind_of_refusal_is_trouble_for_a_day_or_until_it_is_dismissed(udemy, issued):
    assert its(issued, selfcheck(issued)[1]["troubles"]) == []
    udemy.post_statements(statement(verb={}))
    code, said = selfcheck(issued)
    assert code == 1
    ((what, sentence),) = its(issued, said["troubles"])
    assert what == "new kind of refusal"
    assert sentence.endswith("required /verb/id")
    kinds = RefusalKind.objects.filter(credential=issued.credential)
    kinds.update(first=timezone.now() - timedelta(hours=25))
    assert its(issued, selfcheck(issued)[1]["troubles"]) == []
    kinds.update(first=timezone.now(), dismissed=True)
    assert its(issued, selfcheck(issued)[1]["troubles"]) == []


def test_the_figures_are_metrics(lrs_url, udemy, issued):
    udemy.post_statements(statement())
    udemy.post_statements(statement(verb={}))
    shown = httpx.get(f"{lrs_url}/metrics", timeout=60).text
    values = dict(re.findall(rf'^(\w+){{credential="{issued.credential.name}"}} (\S+)$', shown, re.MULTILINE))
    assert float(values["lrs_credential_last_statement"]) == pytest.approx(timezone.now().timestamp(), abs=60)
    assert float(values["lrs_credential_last_refusal"]) == pytest.approx(timezone.now().timestamp(), abs=60)
    assert float(values["lrs_credential_silent"]) == 0
    assert float(values["lrs_credential_statements_today"]) == 1
    assert float(values["lrs_credential_open_refusals"]) == 1
    assert float(values["lrs_credential_new_refusal_kinds"]) == 1
    assert "lrs_request_seconds_count" in shown


def test_nobody_is_told_until_somebody_is_named(udemy, issued, settings):
    udemy.post_statements(statement(verb={}))
    assert notices.tell(timezone.now()) == 0
    assert mail.outbox == []
    settings.LRS_NOTIFY_MAIL = ["operator@example.com"]
    assert notices.tell(timezone.now()) == 0


def test_a_new_reason_and_a_new_shape_are_told_once_by_mail_and_webhook(udemy, issued, settings):
    notices.tell(timezone.now())
    with listener.running() as heard:
        settings.LRS_NOTIFY_MAIL = ["operator@example.com"]
        settings.LRS_NOTIFY_WEBHOOK = f"{heard.url}/notices"
        for _ in range(3):
            udemy.post_statements(statement(verb={}))
        assert notices.tell(timezone.now()) >= 2
        assert notices.tell(timezone.now()) == 0
    (message,) = mail.outbox
    assert message.to == ["operator@example.com"]
    assert "required /verb/id" in message.body
    assert "@example.com" not in message.body
    (request,) = heard.requests
    told = [each for each in request.json()["notices"] if each["credential"] == issued.credential.name]
    assert sorted(each["event"] for each in told) == ["refusal", "shape"]


def test_what_could_not_be_told_is_told_later(udemy, issued, settings):
    notices.tell(timezone.now())
    udemy.post_statements(statement(verb={}))
    with listener.running() as heard:
        settings.LRS_NOTIFY_WEBHOOK = heard.url
        heard.status = 500
        with pytest.raises(httpx.HTTPStatusError):
            notices.tell(timezone.now())
        assert Shape.objects.filter(credential=issued.credential, told=False).exists()
        heard.status = 200
        assert notices.tell(timezone.now()) >= 2


def test_a_webhook_that_fails_does_not_repeat_the_mail_and_gets_it_later(udemy, issued, settings):
    notices.tell(timezone.now())
    udemy.post_statements(statement(verb={}))
    settings.LRS_NOTIFY_MAIL = ["operator@example.com"]
    with listener.running() as heard:
        settings.LRS_NOTIFY_WEBHOOK = heard.url
        heard.status = 500
        for _ in range(3):
            with pytest.raises(httpx.HTTPStatusError):
                notices.tell(timezone.now())
        assert len(mail.outbox) == 1
        # What is new meanwhile goes out by mail.
        udemy.post_statements(statement(actor={}))
        with pytest.raises(httpx.HTTPStatusError):
            notices.tell(timezone.now())
        assert ["required /verb/id" in each.body for each in mail.outbox] == [True, False]
        heard.status = 200
        assert notices.tell(timezone.now()) >= 3
        assert notices.tell(timezone.now()) == 0
    assert len(mail.outbox) == 2
    events = [each["event"] for each in heard.requests[-1].json()["notices"]]
    assert events.count("refusal") == 2


def test_mail_that_fails_does_not_keep_the_webhook_from_hearing(udemy, issued, settings, monkeypatch):
    notices.tell(timezone.now())
    udemy.post_statements(statement(verb={}))
    settings.LRS_NOTIFY_MAIL = ["operator@example.com"]
    monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
    monkeypatch.setattr(settings, "EMAIL_PORT", 1)
    with listener.running() as heard:
        settings.LRS_NOTIFY_WEBHOOK = heard.url
        for _ in range(2):
            with pytest.raises(OSError, match="refused"):
                notices.tell(timezone.now())
    assert len(heard.requests) == 1


def _asked(looked_at):
    with CaptureQueriesContext(connection) as asked:
        looked_at()
    return len(asked)


def _many(store, number):
    for _ in range(number):
        made = credentials.create(f"many {uuid.uuid4()}", store=store.name, profile="udemy").credential
        sample.send(made, [sample.statement()])
        kind = {"fingerprint": "f", "what": "required /verb/id", "sentence": "It has no verb.", "status": 400}
        now = timezone.now()
        RefusalKind.objects.create(store=store, credential=made, first=now, last=now, **kind)


def test_metrics_and_selfcheck_ask_as_many_queries_for_thirty_credentials_as_for_three(store):
    def looks():
        now = timezone.now()
        mine = Credential.objects.select_related("store").filter(store=store)
        return [
            _asked(lambda: list(watch.briefs(now))),
            _asked(lambda: list(watch.troubles(now, mine))),
            _asked(lambda: watch.all_figures(list(mine), now)),
        ]

    _many(store, 3)
    few = looks()
    _many(store, 27)
    assert looks() == few
    assert max(few) <= 12


def test_what_is_counted_and_what_waits_to_be_counted_make_the_day_together(store):
    row = credentials.create(f"udemy {uuid.uuid4()}", store=store.name, profile="udemy").credential
    sample.send(row, [sample.statement(), sample.statement()])
    Counted.objects.filter(store=store.pk).delete()
    Day.objects.filter(store=store.pk).delete()
    now = timezone.now()
    today = now.date().isoformat()
    assert watch.figures(row, now).statements == {today: 2}
    glance.follow(store.pk)
    sample.send(row, [sample.statement()])
    before = Counted.objects.get(store=store.pk)
    assert watch.figures(row, now).statements == {today: 3}
    assert next(each for each in watch.briefs(now) if each.credential == row.name).statements_today == 3
    # A place inside of a day: what lies after it is added, what lies before it is counted already.
    Day.objects.filter(store=store.pk).update(statements=40, day=now.date() - timedelta(days=1))
    assert watch.figures(row, now).statements == {(now - timedelta(days=1)).date().isoformat(): 40}
    Counted.objects.filter(store=store.pk).update(stored=before.stored - timedelta(days=2))
    assert watch.figures(row, now).statements[today] == 3

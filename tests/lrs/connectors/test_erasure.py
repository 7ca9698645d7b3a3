"""A person is erased from every table, and nobody else loses anything."""

import json
import uuid
from io import StringIO
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database_connection
from django.db import transaction
from django.utils import timezone

from lrs import background, credentials, erasure
from lrs.connectors import sweeps
from lrs.connectors.contract import Page
from lrs.connectors.events import PersonUpdate
from lrs.connectors.models import ExternalUser, InboxEvent
from lrs.connectors.webinars.models import Expected, Listing, Result
from lrs.documents import store as documents
from lrs.documents.concurrency import Conditions
from lrs.documents.context import Context, Kind
from lrs.documents.store import Content
from lrs.models import Refusal, RefusalKind, Shape
from statements import attachments, glance, journal, people, progress, stats
from statements.models import Act, Attachment, Erased, Identity, Mention, Person, Progress, Statement
from statements.stats import Counting
from statements.xapi.versions import Version
from tests import sample
from tests.conformance.examples import attachment, part
from tests.conformance.test_attachments import send
from tests.lrs.connectors.archive import deliver, work_off
from tests.lrs.connectors.conftest import payload

BOB = "bob@example.com"


@pytest.fixture
def mail() -> str:
    """An address that nothing else in the database has."""
    return f"erased-{uuid.uuid4().hex}@example.com"


def everywhere(word: str) -> set[str]:
    """Each column of each table that has this text in it, whatever it is kept as."""
    found = set()
    with database_connection.cursor() as cursor:
        for table in database_connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in cursor.description or ()]
            for row in cursor.fetchall():
                for name, value in zip(names, row, strict=True):
                    binary = isinstance(value, bytes | memoryview)
                    text = bytes(value).decode("utf-8", "replace") if binary else str(value)
                    if word.lower() in text.lower():
                        found.add(f"{table}.{name}")
    return found


def erase(store, *words, **options):
    """manage.py erase --yes --json: what it tells."""
    out = StringIO()
    call_command("erase", *words, "--store", store.name, "--yes", "--json", stdout=out, **options)
    return json.loads(out.getvalue())


@pytest.fixture
def full(store, connect, mail):
    """A store in which one person is in everything, and Bob beside them."""
    issued = credentials.create(f"credential {uuid.uuid4()}", scopes=["all"], store=store.name).credential
    hers = f"mailto:{mail}"
    said = [sample.statement(hers, "completed"), sample.statement(hers.replace("erased", "Erased"), "failed")]
    about = sample.statement(f"mailto:{BOB}")
    about["context"] = {"instructor": {"mbox": hers}}
    noted = sample.statement(f"mailto:{BOB}", result={"response": f"I asked {mail.upper()}"})
    away = {**sample.statement(hers), "verb": {"id": "http://adlnet.gov/expapi/verbs/voided"}}
    away["object"] = {"objectType": "StatementRef", "id": said[1]["id"]}
    sample.send(issued, [*said, sample.statement(f"mailto:{BOB}", "completed"), about, noted, away])

    account = "account https://learningmanager.adobe.com/app/learner?accountId=1234 11080928"
    alm = connect(account_id="1234")
    mine = payload("alm/events/COURSE_COMPLETED.json")
    his = json.loads(json.dumps(mine["events"][0]))
    his["eventId"], his["data"]["userId"] = "his", 5
    mine["events"].append(his)
    deliver(alm, mine)
    deliver(alm, {"accountId": 1234, "events": [], "note": mail})
    work_off()
    with transaction.atomic():
        everybody = [PersonUpdate("11080928", mail, "Erased Person"), PersonUpdate("5", BOB, "Bob")]
        sweeps.learn(alm.pk, Page(people=everybody), timezone.now())
    progress.follow(store.pk)

    context = Context(store.pk, Kind.STATE, "https://a.example/1", f"mbox {hers}")
    documents.put(context, "bookmark", Content(mail.encode(), "text/plain"), Conditions(None, None), Version.V1)
    kind = RefusalKind.objects.create(
        store=store, credential=issued, fingerprint="f", what=f"rule {mail}", sentence=f"{mail} is wrong", status=400,
        first=timezone.now(), last=timezone.now(),
    )  # fmt: skip
    bodies = {"hers": [{"a": mail}], "both": [{"a": mail}, {"a": BOB}]}
    for name, body in bodies.items():
        Refusal.objects.create(
            kind=kind, store=store, credential=issued, digest=name, received=timezone.now(), last=timezone.now(),
            method="POST", path=f"/{name}/{mail}", body=orjson.dumps(body), status=400, sentence=mail, errors=[mail],
        )  # fmt: skip
    Shape.objects.create(
        store=store, credential=issued, digest="d", places={mail: "text"}, example=mail, first=timezone.now(),
        last=timezone.now(),
    )  # fmt: skip
    webinar(connect, mail)
    moved = {"moved": [hers]}
    journal.note("merge", journal.thing(store), by="admin", before={}, after=moved, reason=f"asked by {mail}")
    progress.follow(store.pk)
    glance.follow(store.pk)
    return store, account


def webinar(connect, mail):
    from lrs.connectors.webinars.matching import Identity
    from tests.lrs.connectors.webinars.conftest import planned
    from tests.lrs.connectors.webinars.test_results import present

    connection = connect("attendance")
    planned(connection, "room", roster=[Identity("", mail, "Erased Person"), Identity("", BOB, "Bob")])
    present(connection, (mail, "", "Erased Person", 0, 60), (BOB, "", "Bob", 0, 60))


def of_bob(store) -> dict[str, Any]:
    """What is Bob's, in every report."""
    person = people.person_of(store.pk, f"mbox mailto:{BOB}")
    assert person is not None
    actors = Identity.objects.filter(store=store.pk, person=person.key).values_list("key", flat=True)
    return {
        "statements": set(Statement.objects.filter(store=store.pk, actor__in=list(actors)).values_list("id", "text")),
        "progress": set(Progress.objects.filter(store=store.pk, person=person.key).values_list("key", "statements")),
        "results": Result.objects.filter(email=BOB, session__connection__store=store).count(),
        "roster": Expected.objects.filter(email=BOB, session__connection__store=store).count(),
        "external": ExternalUser.objects.filter(email=BOB, connection__store=store).count(),
    }


def test_after_an_erasure_with_mentions_the_address_is_in_no_column_of_any_table(full, mail):
    store, _ = full
    assert len(everywhere(mail)) > 15
    told = erase(store, mail, mentions=True)
    assert everywhere(mail) == set()
    assert told["erased"]["statements"] >= 5
    assert told["erased"]["mentions by others"] == 2
    again = erase(store, mail)
    assert not any(again["found"].values())


def test_without_mentions_nobody_else_loses_anything(full, mail):
    store, _ = full
    before = of_bob(store)
    erase(store, mail)
    assert of_bob(store) == before
    left = everywhere(mail)
    assert left == {"statements_statement.text", "statements_agent.identifier", "statements_agent.value"}
    assert people.person_of(store.pk, f"mbox mailto:{mail}") is None


def test_one_is_erased_by_any_identifier(full, mail):
    store, account = full
    person = people.person_of(store.pk, account)
    assert person is not None
    given = {mail, account, str(person.key), json.dumps({"mbox": f"mailto:{mail}"})}
    assert len({erasure.who(store, one) for one in given}) == 1


def test_the_rest_of_what_named_several_people_is_kept(full, mail):
    store, _ = full
    erase(store, mail)
    [refusal] = Refusal.objects.filter(store=store)
    assert orjson.loads(bytes(refusal.body)) == [{"a": BOB}]
    [listing] = Listing.objects.filter(session__connection__store=store)
    assert [one["who"]["email"] for one in listing.people] == [BOB]
    events = InboxEvent.objects.filter(connection__store=store, connection__provider="alm").order_by("id")
    assert [bool(row.data) for row in events] == [False, True]


def test_what_is_sent_again_does_not_come_back(full, mail, connect):
    store, _ = full
    row = Statement.objects.filter(store=store.pk, text__contains=mail).first()
    assert row is not None
    sent = json.loads(row.text)
    mine = payload("alm/events/COURSE_COMPLETED.json")
    alm = InboxEvent.objects.filter(connection__store=store, connection__provider="alm")[0].connection
    erase(store, mail, mentions=True)
    count = Statement.objects.filter(store=store.pk).count()
    issued = store.credentials.exclude(connection__isnull=False).first()
    sample.send(issued, [sent])
    sample.send(issued, [sent, sample.statement(f"mailto:{BOB}", "answered")])
    deliver(alm, mine)
    work_off()
    assert Statement.objects.filter(store=store.pk).count() == count + 1
    assert Erased.objects.filter(store=store.pk).count() >= 5


def test_what_is_new_of_somebody_who_was_erased_is_taken_in(full, mail):
    store, _ = full
    erase(store, mail, mentions=True)
    issued = store.credentials.exclude(connection__isnull=False).first()
    sample.send(issued, [sample.statement(f"mailto:{mail}", "completed", percent=100)])
    person = people.person_of(store.pk, f"mbox mailto:{mail}")
    assert person is not None
    assert Progress.objects.get(store=store.pk, person=person.key).status == "completed"


def test_counts_are_those_of_what_is_left(full, mail):
    store, _ = full
    erase(store, mail)
    asked = Counting(store.pk, by=("verb", "source", "kind"))
    exact = sorted([row._replace(people=None) for row in stats.count(asked)], key=str)
    added = sorted(stats.count(Counting(store.pk, by=("verb", "source", "kind"), most=0)), key=str)
    assert exact == added
    days = glance.days(store.pk, timezone.now(), 1)
    assert sum(days.statements(day) for day in days.days) == Statement.objects.filter(store=store.pk).count()


def test_nothing_mentions_what_is_there_no_more(full, mail):
    store, _ = full
    erase(store, mail, mentions=True)
    kept = set(Statement.objects.filter(store=store.pk).values_list("key", flat=True))
    rows = Mention.objects.filter(store=store.pk)
    assert {row.statement for row in rows} | {row.via for row in rows} == kept
    live = set(Progress.objects.filter(store=store.pk).values_list("key", "statements", "status"))
    progress.rebuild(store.pk, lambda done: None)
    assert set(Progress.objects.filter(store=store.pk).values_list("key", "statements", "status")) == live


def test_an_address_that_ends_like_another_is_somebody_else(store):
    issued = credentials.create(f"credential {uuid.uuid4()}", scopes=["all"], store=store.name).credential
    for mail in ("ann@a.example", "joann@a.example", "ann@a.example.org", "x-ann@a.example"):
        sample.send(issued, [sample.statement(f"mailto:{mail}", result={"response": mail})])
    assert erase(store, "ann@a.example", mentions=True)["erased"]["statements"] == 1
    assert Statement.objects.filter(store=store.pk).count() == 3


def test_an_attachment_goes_with_the_last_statement_that_has_it(client, store):
    data = uuid.uuid4().bytes
    for mail in ("ann@example.com", BOB):
        said = {**sample.statement(f"mailto:{mail}"), "attachments": [attachment(data)]}
        assert send(client, said, part(data)).status_code == 200
    kept = Attachment.objects.get(store=store.pk)
    erase(store, "ann@example.com")
    attachments.open_data(kept).close()
    erase(store, BOB)
    assert not Attachment.objects.filter(store=store.pk).exists()
    with pytest.raises(FileNotFoundError):
        attachments.open_data(kept)


def test_it_asks_first_and_a_dry_run_only_tells(full, mail, monkeypatch):
    store, _ = full
    monkeypatch.setattr("builtins.input", lambda question: "no")
    with pytest.raises(CommandError, match="Nothing was erased"):
        call_command("erase", mail, "--store", store.name, stderr=StringIO())
    out = StringIO()
    call_command("erase", mail, "--store", store.name, "--dry-run", "--json", stdout=out)
    assert json.loads(out.getvalue())["erased"] == {}
    assert Person.objects.filter(store=store.pk, name="Erased Person").exists()


def test_that_somebody_was_erased_is_written_down_and_not_who(full, mail):
    store, _ = full
    erase(store, mail, mentions=True)
    [act] = Act.objects.filter(store=store.pk, what="erase")
    assert (act.by, act.label) == ("manage.py erase", "(erased)")
    assert json.loads(act.after)["statements"] >= 5


@pytest.mark.parametrize("named", ["nobody", "{}", "[", str(uuid.UUID(int=7)), '{"mbox"'])
def test_who_cannot_be_meant_is_said_in_a_sentence(store, named):
    with pytest.raises(CommandError, match=r"\w+ .*\."):
        erase(store, named)


def test_one_that_was_stopped_is_begun_again(full, mail):
    store, _ = full
    whom = erasure.who(store, mail)

    class Stop(Exception):
        pass

    def stop(what, done, total):
        if what == "inbox":
            raise Stop

    with pytest.raises(Stop):
        erasure.erase(whom, mentions=True, say=stop)
    assert people.person_of(store.pk, f"mbox mailto:{mail}") is not None
    erase(store, mail, mentions=True)
    assert everywhere(mail) == set()


def test_an_administrator_erases_a_learner_on_its_page_and_nobody_else_may(full, mail, administrator, operator):
    store, _ = full
    person = people.person_of(store.pk, f"mbox mailto:{mail}")
    assert person is not None
    page = f"/admin/statements/person/{person.key}"
    assert f"{page}/erase/" not in operator.get(f"{page}/change/").content.decode()
    assert operator.post(f"{page}/erase/", {"mentions": "on"}).status_code == 403
    assert f"{page}/erase/" in administrator.get(f"{page}/change/").content.decode()
    answer = administrator.post(f"{page}/erase/", {"mentions": "on"})
    assert answer.status_code == 302, answer.content
    background.run_waiting(timezone.now())
    shown = administrator.get(answer["Location"]).content.decode()
    assert "Erased." in shown
    assert everywhere(mail) == set()
    assert {act.label for act in Act.objects.filter(store=store.pk, thing=str(person.key))} == {"(erased)"}

"""`more` goes on with exactly what was asked, whatever happens meanwhile (xAPI 1.0.3 Data 2.5)."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx
import pytest

from tests.client import Client
from tests.conformance.examples import MIXED, activity, agent, attachment, ids, mixed, new_id, part, statement, verb


def follow(client: Client, page: httpx.Response, **headers: str) -> httpx.Response:
    return client.http.get(client.url + page.json()["more"], headers=headers)


def test_more_keeps_every_filter(client: Client):
    registration = new_id()
    context = {"registration": registration, "instructor": agent("eve"), "contextActivities": {"parent": activity("p")}}
    wanted = [statement(verb=verb("pass"), context=context) for _ in range(5)]
    others = [statement(verb=verb("pass")), statement(context=context), statement()]
    for each in [*others, *wanted, *others]:
        client.post_statements({**each, "id": new_id()} if each in others else each)
    (first, *_) = client.all_statements({"ascending": "true"})

    asked = {
        "agent": json.dumps(agent("eve")),
        "related_agents": "true",
        "activity": activity("p")["id"],
        "related_activities": "true",
        "verb": verb("pass")["id"],
        "registration": registration,
        "since": first["stored"],
        "until": "2100-01-01T00:00:00Z",
        "ascending": "true",
        "limit": "2",
    }

    assert ids(client.all_statements(asked)) == ids(wanted)
    page = client.get_statements(asked)
    assert len(page.json()["statements"]) == len(follow(client, page).json()["statements"]) == 2


def test_more_keeps_the_format_and_the_language(client: Client):
    names = {"en": "Safety", "de": "Sicherheit", "fr": "Sécurité"}
    described = {**activity("safety"), "definition": {"name": names}}
    client.post_statements([statement(object=described) for _ in range(2)])

    page = client.request(
        "GET",
        "statements",
        params={"limit": "1", "format": "canonical"},
        headers={"Accept-Language": "de-AT, en;q=0.5"},
    )
    (next_one,) = follow(client, page, **{"Accept-Language": "fr"}).json()["statements"]
    (bare,) = follow(client, client.get_statements({"limit": "1", "format": "ids"})).json()["statements"]

    assert next_one["object"]["definition"]["name"] == {"de": "Sicherheit"}
    assert bare["object"] == {"id": described["id"]}


def test_more_keeps_attachments(client: Client):
    texts = [b"first certificate", b"second certificate"]
    for each in texts:
        given = statement(attachments=[attachment(each)])
        client.request("POST", "statements", content=mixed(given, [part(each)]), headers=MIXED).raise_for_status()

    page = client.get_statements({"limit": "1", "attachments": "true", "ascending": "true"})
    more = json.loads(page.text.partition("\r\n\r\n")[2].partition("\r\n--")[0])["more"]
    rest = client.http.get(client.url + more)

    assert page.headers["Content-Type"].startswith("multipart/mixed")
    assert texts[0] in page.content
    assert rest.headers["Content-Type"].startswith("multipart/mixed")
    assert texts[1] in rest.content


@pytest.mark.parametrize("ascending", ["true", "false"])
@pytest.mark.parametrize("filtered", [{}, {"verb": verb("read")["id"]}])
def test_paging_while_others_write_gives_each_statement_exactly_once(client: Client, ascending, filtered):
    there = [statement() for _ in range(40)]
    client.post_statements(there)
    stop = Event()

    def write(_: int) -> list[str]:
        written = []
        with client.speaking("1.0.3") as writer:
            while not stop.is_set():
                written += writer.post_statements([statement(), statement()]).raise_for_status().json()
        return written

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, number) for number in range(4)]
        seen = []
        page = client.get_statements({"limit": "3", "ascending": ascending, **filtered})
        for _ in range(25):
            seen += ids(page.json()["statements"])
            if not page.json()["more"]:
                break
            page = follow(client, page)
        stop.set()
        written = [id for writer in writers for id in writer.result()]

    assert max(Counter(seen).values()) == 1
    assert set(ids(there)) <= set(seen)
    assert set(seen) <= {*ids(there), *written}


def test_a_page_that_ends_with_the_last_statement_has_no_more(client: Client):
    client.post_statements([statement() for _ in range(4)])

    page = client.get_statements({"limit": "2"})
    last = follow(client, page)

    assert page.json()["more"].startswith("/xapi/statements/more/")
    assert last.json()["more"] == ""
    assert len(last.json()["statements"]) == 2


def test_pages_pass_over_what_is_voided(client: Client):
    there = [statement() for _ in range(12)]
    client.post_statements(there)
    for each in there[3:9]:
        client.post_statements(
            statement(
                verb={"id": "http://adlnet.gov/expapi/verbs/voided"},
                actor=agent("tom"),
                object={"objectType": "StatementRef", "id": each["id"]},
            )
        ).raise_for_status()

    asked = {"limit": "2", "ascending": "true", "agent": json.dumps(agent("ann"))}
    plain = [id for id in ids(client.all_statements(asked)) if id in ids(there)]

    assert plain == ids([*there[:3], *there[9:]])


def test_a_more_address_that_was_changed_is_not_followed(client: Client, stranger: Client):
    client.post_statements([statement() for _ in range(2)])
    more = client.get_statements({"limit": "1"}).json()["more"]

    assert client.http.get(client.url + more).status_code == 200
    assert client.http.get(client.url + more[:-1] + ("A" if more[-1] != "A" else "B")).status_code == 404
    assert stranger.http.get(client.url + more).status_code == 404

"""Every answer that is no success is JSON, names every fault, and says which version it speaks."""

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.client import Client
from tests.conformance.examples import MIXED, activity, agent, attachment, mixed, statement, verb

VERSION = "X-Experience-API-Version"


def is_told_well(answer: httpx.Response) -> bool:
    """Whether the answer has the form that every error has."""
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers[VERSION] in ("1.0.3", "2.0.0")
    assert int(answer.headers["Content-Length"]) > 0
    if answer.request.method == "HEAD":
        assert answer.content == b""
        return True
    assert len(answer.content) == int(answer.headers["Content-Length"])
    told = answer.json()
    assert set(told) == {"error", "errors"}
    assert told["error"]
    assert "Traceback" not in answer.text
    assert "<html" not in answer.text.lower()
    for fault in told["errors"]:
        assert set(fault) == {"pointer", "rule", "problem"}
        assert fault["rule"]
        assert fault["problem"]
    return True


def test_every_fault_of_every_statement_of_a_batch_is_named(client: Client):
    batch: list[Any] = [
        statement(),
        statement(actor={"mbox": "ann@example.com"}, verb={"id": "read"}),
        {"verb": verb("read"), "object": activity("safety")},
        statement(
            result={"score": {"scaled": 2}, "duration": "an hour"},
            context={"registration": "7", "contextActivities": {"parent": [{"id": "nowhere"}]}},
            surplus=True,
        ),
        statement(object={"objectType": "StatementRef", "id": "x"}),
        "no statement",
        statement(context={"team": {"objectType": "Group", "member": [agent("bob"), {"mbox": "mailto:", "x/~y": 1}]}}),
    ]

    answer = client.post_statements(batch)

    assert answer.status_code == 400
    assert is_told_well(answer)
    places = {error["pointer"] for error in answer.json()["errors"]}
    assert places >= {
        "/1/actor/mbox",
        "/1/verb/id",
        "/2/actor",
        "/3/result/score/scaled",
        "/3/result/duration",
        "/3/context/registration",
        "/3/context/contextActivities/parent/0/id",
        "/3/surplus",
        "/4/object/id",
        "/5",
        "/6/context/team/member/1/mbox",
        "/6/context/team/member/1/x~1~0y",
    }
    assert not any(place.startswith("/0") for place in places)
    assert client.all_statements() == []


def test_a_single_statement_has_pointers_without_an_index(client: Client):
    answer = client.post_statements(statement(verb={"id": "read"}))

    assert [error["pointer"] for error in answer.json()["errors"]] == ["/verb/id"]


def test_every_wrong_parameter_is_named(client: Client):
    asked = {
        "agent": '{"mbox":"ann"}',
        "verb": "read",
        "Limit": "1",
        "limit": "-1",
        "since": "yesterday",
        "nonsense": "",
    }

    answer = client.get_statements(asked)

    assert answer.status_code == 400
    assert is_told_well(answer)
    places = [error["pointer"] for error in answer.json()["errors"]]
    assert sorted(places) == ["?Limit", "?agent/mbox", "?limit", "?nonsense", "?since", "?verb"]


def test_a_parameter_that_is_given_twice_is_named(client: Client):
    answer = client.http.get("statements?limit=1&limit=2")

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == ["?limit"]


def test_more_parameters_than_are_read_are_the_senders_mistake(client: Client):
    for method in ("GET", "POST"):
        answer = client.http.request(method, "statements?" + "&".join(f"a{number}=1" for number in range(3000)))

        assert answer.status_code == 400
        assert is_told_well(answer)


def test_a_conflict_names_the_statements(client: Client):
    taken = [statement() for _ in range(2)]
    client.post_statements(taken)

    answer = client.post_statements([statement(), *[{**each, "verb": verb("fail")} for each in taken]])

    assert answer.status_code == 409
    assert is_told_well(answer)
    assert {(error["pointer"], error["rule"]) for error in answer.json()["errors"]} == {
        ("/1/id", "conflict"),
        ("/2/id", "conflict"),
    }


METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"]


@pytest.mark.parametrize(
    "path",
    [
        "about",
        "activities",
        "activities/profile",
        "activities/state",
        "agents",
        "agents/profile",
        "statements",
        "statements/",
        "statements/more/nonsense",
        "nothing",
        "nothing/here?a=b",
        "",
        "../xAPI",
        "../xAPI/statements",
        "../xAPI/nothing",
        "statements/../agents",
        "%00",
        "%ff",
        "statements%20",
    ],
)
def test_whatever_is_asked_the_answer_has_its_form(client: Client, path):
    for method in METHODS:
        answer = client.http.request(method, path)

        assert answer.headers[VERSION] == "1.0.3"
        assert 200 <= answer.status_code < 500
        assert answer.is_success or is_told_well(answer)
        if answer.status_code == 405:
            assert method not in answer.headers["Allow"].split(", ")


@pytest.mark.parametrize("version", ["1.0.3", "2.0.0"])
def test_an_error_speaks_the_version_that_was_asked_for(client: Client, version):
    client = client.speaking(version)

    for answer in (
        client.get_statements({"limit": "x"}),
        client.get_statements({"statementId": statement()["id"]}),
        client.request("DELETE", "statements"),
        client.post_statements(statement(verb={})),
        client.request("GET", "nothing"),
    ):
        assert answer.status_code in (400, 404, 405)
        assert is_told_well(answer)
        assert answer.headers[VERSION] == version


def test_every_kind_of_refusal_has_its_form(client: Client):
    given = statement()
    client.post_statements(given)
    state = {"activityId": activity("c")["id"], "agent": json.dumps(agent("ann")), "stateId": "s"}
    profile = {"activityId": activity("c")["id"], "profileId": "p"}
    client.request("PUT", "activities/profile", params=profile, json={}, headers={"If-None-Match": "*"})
    gzipped = {"Content-Encoding": "gzip"}
    refusals = {
        "no version": (400, client.http.get("statements", headers={VERSION: ""})),
        "another type": (400, client.request("POST", "statements", content=b"{}", headers={"Content-Type": "a/b"})),
        "no type": (400, client.request("POST", "statements", content=b"{}")),
        "no boundary": (
            400,
            client.request("POST", "statements", content=b"x", headers={"Content-Type": "multipart/mixed"}),
        ),
        "a part is missing": (
            400,
            client.request(
                "POST", "statements", content=mixed(statement(attachments=[attachment(b"x")]), []), headers=MIXED
            ),
        ),
        "merging what is not JSON": (
            400,
            client.request(
                "POST", "activities/state", params=state, content=b"{", headers={"Content-Type": "application/json"}
            ),
        ),
        "no such statement": (404, client.get_statements({"statementId": statement()["id"]})),
        "no such document": (404, client.request("GET", "activities/state", params=state)),
        "PUT to a list": (400, client.request("PUT", "statements", params={"statementId": given["id"]}, json=[given])),
        "conflict": (409, client.post_statements({**given, "verb": verb("fail")})),
        "document conflict": (409, client.request("PUT", "activities/profile", params=profile, json={})),
        "precondition": (
            412,
            client.request("PUT", "activities/profile", params=profile, json={}, headers={"If-None-Match": "*"}),
        ),
        "encoded": (415, client.request("POST", "statements", content=b"{}", headers=gzipped)),
    }

    assert {name: answer.status_code for name, (_, answer) in refusals.items() if is_told_well(answer)} == {
        name: status for name, (status, _) in refusals.items()
    }


def raw(url: str, request: bytes) -> httpx.Response:
    """The answer to bytes that no client would send."""
    where = urlsplit(url)
    with socket.create_connection((where.hostname or "", where.port or 80), timeout=30) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    return httpx.Response(
        int(status.split()[1]), headers=headers, content=body, request=httpx.Request("GET", f"{url}/xapi/")
    )


@pytest.mark.parametrize(
    ("status", "request_line"),
    [
        (400, "NONSENSE"),
        (400, "GET"),
        (400, "GET /xapi/statements HTTP/9.9"),
        (400, "GET /xapi/statements SPDY"),
        (400, "get\x00 /xapi/statements HTTP/1.1"),
        (414, "GET /xapi/statements?verb=" + "a" * 80_000 + " HTTP/1.1"),
    ],
)
def test_a_request_line_that_cannot_be_read_is_answered_in_json(lrs_url: str, status, request_line):
    answer = raw(lrs_url, request_line.encode() + b"\r\nHost: localhost\r\n\r\n")

    assert answer.status_code == status
    assert is_told_well(answer)


@pytest.mark.parametrize(
    ("status", "header"),
    [
        (431, "X-Large: " + "a" * 20_000),
        (431, "\r\n".join(f"X-{i}: a" for i in range(200))),
        (400, "No colon"),
        (400, "Bad name: a"),
        (400, "Content-Length: many"),
        (400, "Content-Length: -1"),
        (400, "Content-Length: 5\r\nContent-Length: 6"),
        (400, "Content-Length: 5\r\nTransfer-Encoding: chunked"),
        (501, "Transfer-Encoding: nonsense"),
    ],
)
def test_headers_that_cannot_be_read_are_answered_in_json(lrs_url: str, status, header):
    answer = raw(lrs_url, f"POST /xapi/statements HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode())

    assert answer.status_code in (status, 400)
    assert is_told_well(answer)


@pytest.mark.parametrize(
    "framed",
    [
        b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}nonsense",
        b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
        b"Content-Length: 100\r\n\r\n{}",
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", MIXED["Content-Type"]])
def test_a_body_that_breaks_off_is_the_senders_mistake(client: Client, framed, content_type):
    authorization = httpx.BasicAuth(*client.auth)._auth_header
    head = (
        f"POST /xapi/statements HTTP/1.1\r\nHost: localhost\r\nAuthorization: {authorization}\r\n"
        f"X-Experience-API-Version: 1.0.3\r\nContent-Type: {content_type}\r\n"
    )

    answer = raw(client.url, head.encode() + framed)

    assert answer.status_code == 400, answer.text
    assert is_told_well(answer)
    assert client.all_statements() == []


def test_an_address_outside_of_xapi_is_answered_in_json(client: Client):
    for path in ("/nothing", "/xapi2", "/favicon.ico", "/statements"):
        answer = client.http.get(client.url + path)
        assert answer.status_code == 404
        assert is_told_well(answer)


@pytest.mark.parametrize("content_type", ["text/plain; charset=é", "x" * 4_000, "a/b\x7f", "text/html, text/xml", ""])
def test_a_strange_content_type_of_a_document_comes_back_or_is_refused(client: Client, content_type):
    where = {"activityId": activity("c")["id"], "agent": json.dumps(agent("ann")), "stateId": "s"}
    put = client.http.put(
        "activities/state", params=where, content=b"x", headers={"Content-Type": content_type.encode()}
    )

    assert put.status_code in (204, 400)
    if put.status_code == 204:
        assert client.request("GET", "activities/state", params=where).status_code == 200
    else:
        assert is_told_well(put)

"""What nobody sends by mistake: stored and found, or refused in milliseconds; never an error of ours."""

import gzip
import json
import time
from urllib.parse import quote

import httpx
import pytest

from tests.client import Client
from tests.conformance.examples import activity, agent, ids, statement, verb

JSON = {"Content-Type": "application/json"}
# Against what grows with the square of its input; on a busy machine. Figures belong to the bench.
SOON = 15.0


def post(client: Client, body: bytes, **headers: str) -> httpx.Response:
    return client.request("POST", "statements", content=body, headers={**JSON, **headers})


def refused(client: Client, body: bytes, *, status: int = 400, **headers: str) -> set[str]:
    """The rules that a body breaks; it is refused soon, and nothing is stored."""
    begun = time.monotonic()
    answer = post(client, body, **headers)
    took = time.monotonic() - begun

    assert answer.status_code == status, answer.text[:500]
    assert answer.json()["error"]
    assert took < SOON
    assert client.all_statements() == []
    return {error["rule"] for error in answer.json()["errors"]}


def extended(extension: str) -> bytes:
    """A statement with a JSON text as the value of an extension."""
    given = statement(result={"extensions": {"https://extensions.example.com/x": "here"}})
    return json.dumps(given).replace('"here"', extension).encode()


def nested(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + closing * levels


@pytest.mark.parametrize("levels", [65, 255, 1024, 5_000, 100_000, 1_000_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_deep_nesting_is_refused(client: Client, levels, opening, closing):
    text = opening * levels + "1" + closing * levels

    assert refused(client, extended(text)) == {"nesting"}
    assert refused(client, b"[" + extended(text) + b"]") == {"nesting"}


@pytest.mark.parametrize("levels", [5_000, 100_000, 1_000_000])
def test_deep_nesting_that_never_ends_is_refused(client: Client, levels):
    assert refused(client, b"[" * levels) <= {"nesting", "json"}
    assert refused(client, b'{"a":' * levels) <= {"nesting", "json"}


def test_nesting_within_the_limit_is_stored(client: Client):
    text = nested(60)

    assert post(client, extended(text)).status_code == 200
    assert text in client.get_statements().text


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "x-unknown"])
def test_a_compressed_body_is_not_decompressed(client: Client, encoding):
    body = gzip.compress(json.dumps(statement()).encode())

    assert refused(client, body, status=415, **{"Content-Encoding": encoding}) == set()


def test_a_gzip_bomb_costs_nothing(client: Client):
    bomb = gzip.compress(b" " * 64 * 2**20)

    assert refused(client, bomb, status=415, **{"Content-Encoding": "gzip"}) == set()
    assert refused(client, bomb) == {"utf-8"}


def test_a_duplicate_key_is_refused_wherever_it_is(client: Client):
    plain = json.dumps(statement())

    assert refused(client, plain.replace('"verb":', '"verb":{},"verb":', 1).encode()) == {"duplicate-key"}
    assert refused(client, extended('{"a":1,"a":1}')) == {"duplicate-key"}
    assert refused(client, extended('[{"a":1,"\\u0061":2}]')) == {"duplicate-key"}


# Python's own escapes make the JSON: NUL and halves of surrogate pairs travel as \uXXXX.
STRANGE = {
    "NUL": "a\0b",
    "a high surrogate": "a\ud800",
    "a low surrogate": "\udfffb",
    "surrogates in the wrong order": "\udc00\ud800",
    "a character beyond the first plane": "😀",
    "a character that is none": "\uffff",
    "text in both directions": "א\u202eb",
    "white space": " \t\r\n\u2028",
    "quotes": "\"'\\`--;%s{}$1",
    "much": "n" * 300,
    "very much": "n" * 100_000,
}


@pytest.mark.parametrize("which", STRANGE)
def test_strange_text_is_stored_and_comes_back(client: Client, which):
    text = STRANGE[which]
    given = statement(
        actor={**agent(f"ann {text[:2000]}"), "name": text},
        object={**activity("safety"), "definition": {"name": {"en": text}}},
        result={"response": text, "extensions": {"https://extensions.example.com/x": {text: text}}},
        context={"platform": text, "contextActivities": {"parent": [activity("p")]}},
    )

    first, again = post(client, json.dumps(given).encode()), post(client, json.dumps([given] * 1).encode())

    assert first.json() == again.json() == [given["id"]]
    # Not httpx's own reader: it takes no half of a surrogate pair.
    (kept,) = json.loads(client.get_statements().content)["statements"]
    assert {name: kept[name] for name in given} == given
    for format in ("ids", "canonical"):
        (kept,) = json.loads(client.get_statements({"format": format}).content)["statements"]
        assert kept["actor"]["account"] == given["actor"]["account"]
    asked = {"agent": json.dumps({"account": given["actor"]["account"]})}
    assert [each["id"] for each in json.loads(client.get_statements(asked).content)["statements"]] == [given["id"]]
    person = json.loads(client.request("GET", "agents", params=asked).raise_for_status().content)
    assert person["name"] == [text]
    told = client.request("GET", "activities", params={"activityId": activity("safety")["id"]}).raise_for_status()
    assert json.loads(told.content)["definition"]["name"] == {"en": text}


def test_raw_control_characters_in_text_are_not_json(client: Client):
    assert refused(client, extended('"a\0b"')) == {"json"}
    assert refused(client, extended('"a\nb"')) == {"json"}


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe{\x00}\x00",
        b'{"actor":"\xff"}',
        b'{"actor":"\xc0\x80"}',
        b'{"actor":"\xed\xa0\x80"}',
        json.dumps(statement()).encode("utf-16"),
        json.dumps(statement()).encode("utf-8-sig"),
    ],
)
def test_bytes_that_are_not_utf8_are_refused(client: Client, body):
    assert refused(client, body) == {"utf-8"}


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"nul", b"{", b"[", b"[{}", b"{}{}", b"{'a':1}", b'{"a":1,}', b"[1,]", b"NaN", b"[NaN]", b"{}]", b"\0"],
)
def test_what_is_not_json_is_refused(client: Client, body):
    assert "json" in refused(client, body) or body == b"NaN"


@pytest.mark.parametrize("body", [b"null", b"1", b'"text"', b"true", b"[null]", b"[[]]", b"[1, {}]", b"{}", b"[{}]"])
def test_json_that_is_no_statement_is_refused(client: Client, body):
    assert refused(client, body) <= {"type", "required", "null"}


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 400])
def test_a_number_that_no_double_can_hold_is_refused(client: Client, number):
    assert refused(client, extended(number)) == {"number"}


def test_a_number_of_a_million_digits_is_answered_soon(client: Client):
    assert refused(client, extended("1" * 1_000_000)) == {"number"}


LONG = "https://courses.example.com/" + "é" * 1_000 + "x" * 8_000


def test_an_iri_of_9000_characters_is_stored_and_found(client: Client):
    long_verb = {"id": LONG, "display": {"en": "read"}}
    given = statement(
        verb=long_verb, object={"id": LONG}, context={"contextActivities": {"other": [{"id": LONG + "2"}]}}
    )
    client.post_statements([given, statement()]).raise_for_status()

    for asked in (
        {"activity": LONG},
        {"verb": LONG},
        {"activity": LONG + "2", "related_activities": "true"},
        {"verb": LONG, "activity": LONG},
    ):
        assert ids(client.all_statements(asked)) == [given["id"]]
    assert client.request("GET", "activities", params={"activityId": LONG}).json()["id"] == LONG


def test_an_account_of_9000_characters_is_stored_and_found(client: Client):
    actor = {"account": {"homePage": LONG, "name": "n" * 9_000}}
    given = statement(actor=actor)
    client.post_statements([given, statement()]).raise_for_status()

    assert ids(client.all_statements({"agent": json.dumps(actor)})) == [given["id"]]
    assert client.request("GET", "agents", params={"agent": json.dumps(actor)}).json()["account"] == [actor["account"]]


def test_documents_with_long_names_are_kept_and_found(client: Client):
    where = {"activityId": LONG, "agent": json.dumps(agent("n" * 300)), "stateId": "s" * 9_000}
    put = client.request("PUT", "activities/state", params=where, json={"a": 1})

    assert put.status_code == 204, put.text
    assert client.request("GET", "activities/state", params=where).json() == {"a": 1}


@pytest.mark.parametrize("parameter", ["agent", "verb", "activity", "registration", "since", "statementId", "format"])
@pytest.mark.parametrize(
    "value", ["", "\0", "%00", "\ud800", "[" * 3_000, '{"mbox":' * 1_000, "\xff", "' OR 1=1 --", "9" * 5_000]
)
def test_hostile_parameters_are_refused(client: Client, parameter, value):
    begun = time.monotonic()
    answer = client.http.get(f"statements?{parameter}={quote(value, errors='surrogatepass')}")

    assert answer.status_code == 400
    assert {error["pointer"].partition("/")[0] for error in answer.json()["errors"]} == {f"?{parameter}"}
    assert time.monotonic() - begun < SOON


@pytest.mark.parametrize("value", ["99999999999999999999999", "9" * 3_000])
def test_a_limit_beyond_all_bounds_is_the_servers_own(client: Client, value):
    assert client.get_statements({"limit": value}).status_code == 200


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z"])
def test_a_time_at_the_edge_is_answered(client: Client, value):
    """Some of them are no time in UTC, and are no error of ours."""
    for asked in ({"since": value}, {"until": value}):
        assert client.get_statements(asked).status_code in (200, 400)
    assert client.post_statements(statement(timestamp=value)).status_code in (200, 400)


def test_of_a_body_of_nothing_but_faults_a_thousand_are_named(client: Client):
    begun = time.monotonic()
    answer = client.request("POST", "statements", json=[{}] * 5_000)

    assert answer.status_code == 400
    assert len(answer.json()["errors"]) == 1_000
    assert time.monotonic() - begun < 5 * SOON


@pytest.mark.parametrize("fill", [b"[],", b"{},", b'"",', b"1,", b",", b"\\", b'"\\', b"[[]],"])
def test_millions_of_small_values_are_answered_soon(client: Client, fill):
    body = b"[" + fill * (4 * 2**20 // len(fill))

    for end in (b"", b"1]"):
        begun = time.monotonic()
        answer = post(client, body + end)
        assert answer.status_code == 400
        assert len(answer.content) < 1_000_000
        assert time.monotonic() - begun < 3 * SOON


def test_colliding_and_many_keys_are_answered_soon(client: Client):
    text = json.dumps({f"https://extensions.example.com/{i}": i for i in range(50_000)})
    begun = time.monotonic()

    assert post(client, extended(text)).status_code == 200
    assert time.monotonic() - begun < SOON


def test_a_form_is_not_a_statement(client: Client):
    answer = client.request("POST", "statements", content=b"a=b", headers={"Content-Type": "multipart/form-data"})

    assert answer.status_code == 400
    assert verb("read")["id"] not in answer.text

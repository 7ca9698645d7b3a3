"""The data of attachments on its way in (xAPI 1.0.3 Data 2.4.11, Communication 1.5.2)."""

import hashlib

import httpx
import pytest

from tests.client import Client, Statement
from tests.conformance.examples import MIXED, attachment, ids, mixed, part, statement

DATA = b"This is to certify that \r\n--something--\r\n \x00\xff"


def rules(answer: httpx.Response) -> set[tuple[str, str]]:
    assert answer.status_code == 400, answer.text
    return {(error["pointer"], error["rule"]) for error in answer.json()["errors"]}


def send(client: Client, statements: object, *parts: bytes) -> httpx.Response:
    return client.request("POST", "statements", content=mixed(statements, parts), headers=MIXED)


def given(**changes: object) -> Statement:
    return statement(attachments=[attachment(DATA, **changes)])


def test_the_data_comes_back_as_it_was(client: Client):
    one = given()
    assert send(client, one, part(DATA)).json() == [one["id"]]

    answer = client.get_statements({"statementId": one["id"], "attachments": "true"})

    boundary = answer.headers["Content-Type"].partition("boundary=")[2]
    head, _, data = answer.content.split(f"\r\n--{boundary}".encode())[1].partition(b"\r\n\r\n")
    assert data == DATA
    assert b"X-Experience-API-Hash: " + hashlib.sha256(DATA).hexdigest().encode() in head
    assert client.get_statements({"statementId": one["id"]}).headers["Content-Type"] == "application/json"


def test_a_wrong_hash_is_refused(client: Client):
    sha2 = hashlib.sha256(b"something else").hexdigest()

    assert rules(send(client, [statement(), given(sha2=sha2)], part(DATA, sha2=sha2))) == {
        ("/1/attachments/0/sha2", "attachment-hash")
    }
    assert client.all_statements() == []


def test_a_missing_part_is_refused(client: Client):
    assert rules(send(client, [given()])) == {("/0/attachments/0/sha2", "attachment-missing")}
    assert rules(client.post_statements(given())) == {("/attachments/0/sha2", "attachment-missing")}
    assert client.all_statements() == []


def test_a_surplus_part_is_refused(client: Client):
    assert rules(send(client, given(), part(DATA), part(b"more"))) == {("", "attachment-surplus")}
    assert client.all_statements() == []


def test_every_fault_of_every_attachment_is_named(client: Client):
    sha2 = hashlib.sha256(b"something else").hexdigest()
    batch = [given(sha2=sha2), statement(attachments=[attachment(b"never sent")])]

    assert rules(send(client, batch, part(DATA, sha2=sha2), part(b"more"))) == {
        ("/0/attachments/0/sha2", "attachment-hash"),
        ("/1/attachments/0/sha2", "attachment-missing"),
        ("", "attachment-surplus"),
    }


def test_a_length_that_counts_something_else_than_bytes_is_taken(client: Client):
    """The official suite sends lengths that are not those of its data; the hash is what proves the data."""
    one = given(length=27)

    assert send(client, one, part(DATA)).json() == [one["id"]]


def test_a_file_elsewhere_needs_no_part(client: Client):
    one = given(fileUrl="https://files.example.com/certificate.txt")

    assert client.post_statements(one).json() == [one["id"]]


def test_one_part_serves_every_statement_that_names_it(client: Client):
    batch = [given(), given()]

    assert send(client, batch, part(DATA)).json() == ids(batch)
    answer = client.get_statements({"attachments": "true"})
    assert answer.content.count(DATA) == 1


def test_a_retry_with_attachments_is_success(client: Client):
    one = given()

    assert send(client, one, part(DATA)).json() == send(client, one, part(DATA)).json() == [one["id"]]


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_a_multipart_body_that_breaks_off_is_refused(client: Client, cut):
    body = mixed(given(), [part(DATA)])[:-cut]

    answer = client.request("POST", "statements", content=body, headers=MIXED)

    assert answer.status_code == 400 or cut == 1
    assert answer.headers["Content-Type"] == "application/json"

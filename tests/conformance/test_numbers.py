"""What was written comes back as it was written."""

import pytest

from tests.client import Client
from tests.conformance.examples import MIXED, attachment, mixed, new_id, part, statement

NUMBERS = ["12345678901234567890", "0.12345678901234567890123", "1.10", "1E-7", "-0", "1.0e+2", "0.0", "100"]
TEMPLATE = (
    '{"id":"%s","actor":{"mbox":"mailto:ann@example.com"},"verb":{"id":"https://verbs.example.com/pass"},'
    '"object":{"id":"https://courses.example.com/exam","definition":{"extensions":{"https://e.example.com/w":%s}}},'
    '"result":{"score":{"raw":%s},"extensions":{"https://e.example.com/n":[%s,{"deep":%s}]}}%s}'
)
# Each makes the server rewrite a part of the statement.
REWRITTEN = {
    "as it is": "",
    "with one context activity": ',"context":{"contextActivities":{"parent":{"id":"https://courses.example.com/p"}}}',
    "with an authority of the sender's": ',"authority":{"mbox":"mailto:somebody@example.com"}',
}


def text(number: str, more: str = "") -> str:
    return TEMPLATE % (new_id(), number, number, number, number, more)


def post(client: Client, body: str) -> None:
    answer = client.request("POST", "statements", content=body.encode(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("more", REWRITTEN)
@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_comes_back_as_it_was_written(client: Client, number, more):
    post(client, text(number, REWRITTEN[more]))

    for format in ("exact", "canonical"):
        given = client.get_statements({"format": format}).text
        assert f'"raw":{number}}}' in given
        assert f'"https://e.example.com/n":[{number},{{"deep":{number}}}]' in given
    assert f'"https://e.example.com/w":{number}' in client.get_statements().text
    assert f'"raw":{number}}}' in client.get_statements({"format": "ids"}).text


def test_numbers_in_a_batch_come_back_as_they_were_written(client: Client):
    post(client, "[" + " , ".join(text(number) for number in NUMBERS) + "]")

    given = client.get_statements({"ascending": "true"}).text
    assert [given.index(f'"raw":{number}}}') for number in NUMBERS] == sorted(
        given.index(f'"raw":{number}}}') for number in NUMBERS
    )


def test_a_retry_with_another_spelling_of_a_number_is_the_same_statement(client: Client):
    body = text("1.10")
    post(client, body)
    post(client, body.replace("1.10", "1.1"))

    assert '"raw":1.10' in client.get_statements().text


def test_digits_beyond_a_double_make_another_statement(client: Client):
    body = text("12345678901234567890")
    post(client, body)

    answer = client.request(
        "POST",
        "statements",
        content=body.replace("12345678901234567890", "12345678901234567891").encode(),
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code == 409


def test_the_order_of_properties_and_white_space_within_a_statement_stay(client: Client):
    body = (
        '{ "verb" : {"id":"https://verbs.example.com/pass"},\n "object":{"id":"https://courses.example.com/exam"},'
        ' "actor":{"name":"\\u00e9\\/ü","mbox":"mailto:ann@example.com"}'
    )
    post(client, body + "}")

    assert client.get_statements().text.startswith('{"statements":[' + body)


def test_numbers_of_a_statement_with_attachments_come_back_as_they_were_written(client: Client):
    given = statement(attachments=[attachment(b"x")], result={"score": {"raw": 777}})
    body = mixed(given, [part(b"x")]).replace(b'"raw":777', b'"raw":1.10')

    assert client.request("POST", "statements", content=body, headers=MIXED).status_code == 200
    assert '"raw":1.10}' in client.get_statements().text

"""Ids that the server makes."""

import uuid

import pytest

from tests.client import Client
from tests.conformance.examples import MIXED, attachment, mixed, part, statement


def without_id(**changes):
    return {name: value for name, value in statement(**changes).items() if name != "id"}


@pytest.mark.parametrize("version", ["1.0.3", "2.0.0"])
def test_an_id_that_the_server_makes_is_a_uuid_of_version_4(client: Client, version):
    """A Python client library takes versions 1 to 5 only."""
    client = client.speaking(version)
    made = client.post_statements(without_id()).json() + client.post_statements([without_id()] * 50).json()
    body = mixed(without_id(attachments=[attachment(b"x")]), [part(b"x")])
    made += client.request("POST", "statements", content=body, headers=MIXED).json()

    assert {uuid.UUID(each).version for each in made} == {4}
    assert len(set(made)) == 52
    assert all(each == str(uuid.UUID(each)) for each in made)
    assert {each["id"] for each in client.all_statements()} == set(made)


def test_an_id_is_found_in_upper_and_in_lower_case(client: Client):
    given = statement()
    client.post_statements({**given, "id": given["id"].upper()})

    for id in (given["id"], given["id"].upper()):
        assert client.get_statements({"statementId": id}).json()["id"] == given["id"].upper()

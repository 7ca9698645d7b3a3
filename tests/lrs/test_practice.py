import json
import uuid
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from lrs import auth, credentials
from lrs.credentials import CredentialError
from statements.profiles import Mode, Practice


def run(*arguments):
    output = StringIO()
    call_command("credential", *arguments, "--json", stdout=output)
    return json.loads(output.getvalue())


@pytest.fixture
def name(store):
    return credentials.create(f"sender {uuid.uuid4()}", store=store.name).credential.name


def test_without_anything_switched_on_there_is_no_practice(name):
    assert auth.practice_of(credentials.named(name)) is None
    assert "token_url" not in run("list")[0]


def test_what_is_switched_on_is_the_practice(name):
    options = ["--repair", "numeric-string", "--repair", "sumtotal-relative-id", "--base", "https://x.udemy.com"]
    changed = run("change", name, "--mode", "reject", "--content-ids", "--shapes", "--silence-hours", "5", *options)
    assert (changed["shapes"], changed["silence_hours"]) == (True, 5)
    practice = auth.practice_of(credentials.named(name))
    repairs = ("numeric-string", "sumtotal-relative-id")
    assert practice == Practice("", Mode.REJECT, repairs, "https://x.udemy.com", content_ids=True)
    run("change", name, "--no-repairs", "--no-content-ids")
    assert auth.practice_of(credentials.named(name)) is None
    assert run("change", name)["silence_hours"] == 5


def test_a_change_that_makes_no_sense_is_refused_in_a_sentence(name):
    with pytest.raises(CredentialError, match="There is no repair 'everything'; there is missing-object-type"):
        credentials.change(name, repairs=["everything"])
    with pytest.raises(CredentialError, match="There is no mode 'loud'"):
        credentials.change(name, mode="loud")
    with pytest.raises(CommandError, match="is not spoken here"):
        run("change", name, "--default-version", "0.95")

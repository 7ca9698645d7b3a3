import json
import uuid
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from lrs.models import Credential
from tests.client import Client


def run(*arguments):
    output = StringIO()
    call_command("credential", *arguments, stdout=output)
    return output.getvalue()


@pytest.fixture
def name(database):
    return f"sender {uuid.uuid4()}"


def test_a_credential_is_made_with_a_random_key_and_secret_that_work(name, lrs_url):
    made = json.loads(run("create", name, "--scope", "all", "--json"))
    assert len(made["secret"]) >= 40
    assert made["store"] == "default"
    with Client(lrs_url, made["key"], made["secret"]) as client:
        assert client.get_statements({"limit": "1"}).status_code == 200


def test_the_secret_is_kept_as_a_hash_alone(name):
    made = json.loads(run("create", name, "--json"))
    kept = Credential.objects.get(name=name)
    assert made["secret"] not in json.dumps(Credential.objects.filter(pk=kept.pk).values()[0], default=str)
    assert made["secret"] not in run("list", "--json")
    assert made["secret"] in run("rotate", name, "--secret", made["secret"])


def test_everything_about_a_credential_can_be_chosen(name):
    key, store = str(uuid.uuid4()), f"store {uuid.uuid4()}"
    options = ["--scope", "statements/write", "--scope", "state", "--store", store, "--default-version", "2.0.0"]
    made = json.loads(run("create", name, "--key", key, "--secret", "chosen by hand", *options, "--json"))
    assert {key: made[key] for key in ("key", "secret", "scopes", "store", "default_version")} == {
        "key": key,
        "secret": "chosen by hand",
        "scopes": ["statements/write", "state"],
        "store": store,
        "default_version": "2.0.0",
    }
    listed = next(each for each in json.loads(run("list", "--json")) if each["name"] == name)
    assert listed == {name: value for name, value in made.items() if name != "secret"} | {"last_used": None}


def test_the_profile_of_udemy_lets_requests_leave_the_version_out(name):
    made = json.loads(run("create", name, "--profile", "udemy", "--json"))
    assert made["profile"] == "udemy"
    assert made["default_version"] == "1.0.3"
    assert "statements/write" in made["scopes"]


def test_a_new_secret_ends_the_old_one(name, lrs_url):
    made = json.loads(run("create", name, "--scope", "all", "--json"))
    renewed = json.loads(run("rotate", name, "--json"))
    assert renewed["key"] == made["key"]
    assert renewed["secret"] != made["secret"]
    with Client(lrs_url, made["key"], made["secret"]) as old, Client(lrs_url, made["key"], renewed["secret"]) as new:
        assert old.get_statements().status_code == 401
        assert new.get_statements().status_code == 200


def test_a_disabled_credential_is_refused(name, lrs_url):
    made = json.loads(run("create", name, "--scope", "all", "--json"))
    assert json.loads(run("disable", made["key"], "--json"))["disabled"] is True
    with Client(lrs_url, made["key"], made["secret"]) as client:
        assert client.get_statements().status_code == 401


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--scope", "everything"], "There is no scope 'everything'; there are statements/write"),
        (["--key", "a:b"], "A key has no colon"),
        (["--secret", " "], "The secret must have 1 to 200 printable characters"),
        (["--default-version", "0.95"], "The version '0.95' is not spoken here"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(name, arguments, sentence):
    with pytest.raises(CommandError, match=sentence):
        run("create", name, *arguments)
    assert not Credential.objects.filter(name=name).exists()


def test_a_name_that_is_taken_or_unknown_is_refused_in_a_sentence(name):
    run("create", name)
    with pytest.raises(CommandError, match="exists already"):
        run("create", name)
    with pytest.raises(CommandError, match="There is no credential with the name or key 'nobody'"):
        run("rotate", "nobody")


def test_people_read_one_line_for_each_thing(name):
    shown = run("create", name, "--scope", "state")
    assert f"name             {name}\n" in shown
    assert "scopes           state\n" in shown
    assert shown.rstrip().endswith("The secret is not shown again.")

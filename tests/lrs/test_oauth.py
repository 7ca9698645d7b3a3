import base64
import time
import uuid
from datetime import timedelta

import httpx
import pytest
from django.utils import timezone

from lrs import auth, credentials, housekeeping
from lrs.errors import Unauthorised
from lrs.models import Token
from tests.client import Client


@pytest.fixture
def issued(store):
    return credentials.create(f"sender {uuid.uuid4()}", store=store.name, profile="udemy")


def ask(lrs_url, issued, *, how="form", **changed):
    form = {"grant_type": "client_credentials"} | changed
    key, secret = issued.credential.key, issued.secret
    if how == "form":
        return httpx.post(f"{lrs_url}/oauth/token", data=form | {"client_id": key, "client_secret": secret})
    if how == "json":
        return httpx.post(f"{lrs_url}/oauth/token", json=form | {"client_id": key, "client_secret": secret})
    return httpx.post(f"{lrs_url}/oauth/token", data=form, auth=(key, secret))


def write(lrs_url, token):
    statement = {
        "actor": {"mbox": f"mailto:{uuid.uuid4()}@example.com"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/progressed"},
        "object": {"id": "https://www.udemy.com/course/533682"},
    }
    return httpx.post(f"{lrs_url}/xapi/statements", json=statement, headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("how", ["form", "basic", "json"])
@pytest.mark.parametrize("scope", [{}, {"scope": "xapi:write"}, {"scope": "statements/write state"}, {"scope": "lms"}])
def test_a_token_is_given_for_any_scope_and_has_those_of_the_credential(lrs_url, issued, how, scope):
    answer = ask(lrs_url, issued, how=how, **scope)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    said = answer.json()
    assert said["token_type"] == "Bearer"
    assert said["expires_in"] == 3600
    assert {"statements/write", "statements/read/mine"} <= set(said["scope"].split())
    assert not {"state", "lms"} & set(said["scope"].split())
    assert write(lrs_url, said["access_token"]).status_code == 200


def test_the_token_is_kept_as_a_hash_alone(lrs_url, issued):
    token = ask(lrs_url, issued).json()["access_token"]
    (kept,) = Token.objects.filter(credential=issued.credential)
    assert len(token) >= 40
    assert token not in (kept.hash, str(kept))


def test_key_and_secret_may_be_form_encoded_before_they_go_into_the_header(lrs_url, store):
    issued = credentials.create(f"sender {uuid.uuid4()}", key=f"a key {uuid.uuid4()}", secret="50 % + & ü of a secret")
    pair = "{}:{}".format(issued.credential.key.replace(" ", "%20"), "50+%25+%2B+%26+%C3%BC+of+a+secret")
    header = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    form = {"grant_type": "client_credentials"}
    assert httpx.post(f"{lrs_url}/oauth/token", data=form, headers=header).status_code == 200


def test_the_same_credential_works_with_basic(lrs_url, issued):
    with Client(lrs_url, issued.credential.key, issued.secret) as client:
        assert client.get_statements().status_code == 200


REFUSED = {
    "a wrong secret": ({"client_secret": "wrong"}, 401, "invalid_client"),
    "an unknown client": ({"client_id": "nobody"}, 401, "invalid_client"),
    "no client": ({"client_id": "", "client_secret": ""}, 401, "invalid_client"),
    "another grant": ({"grant_type": "authorization_code"}, 400, "unsupported_grant_type"),
    "a password": ({"grant_type": "password", "username": "a", "password": "b"}, 400, "unsupported_grant_type"),
    "no grant": ({"grant_type": ""}, 400, "invalid_request"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_said_as_oauth_says_it(lrs_url, issued, case):
    changed, status, error = REFUSED[case]
    form = {"grant_type": "client_credentials", "client_id": issued.credential.key, "client_secret": issued.secret}
    answer = httpx.post(f"{lrs_url}/oauth/token", data=form | changed)
    assert answer.status_code == status
    assert answer.json()["error"] == error
    if status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"grant_type=client_credentials&grant_type=password", "application/x-www-form-urlencoded"),
        (b"[1]", "application/json"),
        (b"{", "application/json"),
        (b"grant_type=%zz", "application/x-www-form-urlencoded"),
        (b"x" * 70_000, "application/x-www-form-urlencoded"),
    ],
)
def test_a_request_that_is_broken_is_refused_and_no_failure(lrs_url, content, content_type):
    answer = httpx.post(f"{lrs_url}/oauth/token", content=content, headers={"Content-Type": content_type})
    assert answer.status_code in (400, 413)
    assert answer.json()["error"] in ("invalid_request", "unsupported_grant_type")


def test_a_token_is_asked_for_with_post(lrs_url):
    answer = httpx.get(f"{lrs_url}/oauth/token")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_wrong_secrets_are_slowed_down_here_too(lrs_url, issued):
    form = {"grant_type": "client_credentials", "client_id": issued.credential.key, "client_secret": "wrong"}
    answers = [httpx.post(f"{lrs_url}/oauth/token", data=form) for _ in range(25)]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) > 0


@pytest.mark.parametrize("revoke", [credentials.disable, credentials.rotate])
def test_a_credential_takes_its_tokens_with_it(lrs_url, issued, revoke):
    token = ask(lrs_url, issued).json()["access_token"]
    revoke(issued.credential.name)
    refused = write(lrs_url, token)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


@pytest.mark.parametrize("token", ["unknown", "a.b.c", "\u00e9".encode().decode("latin-1")])
def test_an_unknown_token_is_refused(lrs_url, token):
    refused = httpx.get(f"{lrs_url}/xapi/statements", headers=[(b"Authorization", f"Bearer {token}".encode("latin-1"))])
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


def test_a_token_that_is_remembered_still_ends_when_it_ends(issued):
    token = str(uuid.uuid4())
    expires = timezone.now() + timedelta(seconds=1)
    Token.objects.create(hash=auth.hash_token(token), credential=issued.credential, expires=expires)
    assert auth.identify(f"Bearer {token}", "127.0.0.1").credential == issued.credential.pk
    time.sleep(1.1)
    with pytest.raises(Unauthorised):
        auth.identify(f"Bearer {token}", "127.0.0.1")


def test_tokens_that_have_expired_are_forgotten(lrs_url, issued):
    ask(lrs_url, issued), ask(lrs_url, issued)
    newest = Token.objects.filter(credential=issued.credential).latest("expires")
    Token.objects.filter(credential=issued.credential).exclude(pk=newest.pk).update(expires=timezone.now())
    housekeeping.forget_tokens(timezone.now())
    assert list(Token.objects.filter(credential=issued.credential)) == [newest]

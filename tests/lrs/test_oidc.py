"""Tokens of an identity provider: a real server that holds its keys, and ours that asks it for them."""

import base64
import json
import time
import uuid
from typing import Any

import httpx
import pytest
from joserfc.jwk import OctKey, RSAKey

from lrs import auth, credentials, oidc
from lrs.errors import Unauthorised, Unavailable
from lrs.models import Scope
from tests import databases, server
from tests.standins import identity_provider


@pytest.fixture
def provider(settings, monkeypatch):
    with identity_provider.running() as running:
        settings.LRS_OIDC_ISSUER = running.url
        settings.LRS_OIDC_AUDIENCE = identity_provider.AUDIENCE
        monkeypatch.setattr(oidc, "_keys", oidc._Keys())
        yield running


@pytest.fixture
def issued(store):
    return credentials.create(f"client {uuid.uuid4()}", store=store.name, scopes=["statements/write", "state"])


def identify(token):
    return auth.identify(f"Bearer {token}", "127.0.0.1")


def test_a_running_server_takes_the_tokens_of_the_provider(lrs_url, issued, monkeypatch):
    with identity_provider.running() as provider:
        monkeypatch.setenv("LRS_OIDC_ISSUER", provider.url)
        monkeypatch.setenv("LRS_OIDC_AUDIENCE", identity_provider.AUDIENCE)
        with server.running(databases.place().folder / "oidc.log", workers=1) as url:
            headers = {"X-Experience-API-Version": "1.0.3"}
            params = {"activityId": "https://example.com/1", "agent": '{"mbox":"mailto:a@example.com"}', "stateId": "s"}

            def put(token):
                headers["Authorization"] = f"Bearer {token}"
                return httpx.put(f"{url}/xapi/activities/state", params=params, content=b"x", headers=headers)

            assert put(provider.token(azp=issued.credential.key)).status_code == 204
            refused = put(provider.token(azp=issued.credential.key, aud="https://elsewhere.example.com"))
            assert refused.status_code == 401
            assert refused.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


@pytest.mark.parametrize("claim", ["azp", "appid", "client_id"])
def test_the_client_of_a_token_names_the_credential(provider, issued, claim):
    caller = identify(provider.token(**{claim: issued.credential.key}))
    assert caller.credential == issued.credential.pk
    assert caller.scopes == {Scope.STATEMENTS_WRITE, Scope.STATE}


def test_without_a_credential_of_its_own_a_client_uses_the_common_one(provider, issued, settings):
    token = provider.token(azp="somebody")
    with pytest.raises(Unauthorised, match="No credential has the client of this token as its key"):
        identify(token)
    settings.LRS_OIDC_CREDENTIAL = issued.credential.name
    assert identify(token).credential == issued.credential.pk


@pytest.mark.parametrize(
    ("said", "held"),
    [
        ({"scope": "openid lrs.write"}, {Scope.STATEMENTS_WRITE}),
        ({"scp": ["lrs.write", "lrs.all"]}, {Scope.STATEMENTS_WRITE, Scope.STATE}),
        ({"roles": ["lrs.read"]}, set()),
        ({}, set()),
    ],
)
def test_scopes_are_mapped_and_never_more_than_the_credential_has(provider, issued, settings, said, held):
    settings.LRS_OIDC_SCOPES = {"lrs.write": "statements/write", "lrs.read": "statements/read", "lrs.all": "all"}
    assert identify(provider.token(azp=issued.credential.key, **said)).scopes == held


def test_a_disabled_credential_takes_the_provider_s_tokens_with_it(provider, issued):
    credentials.disable(issued.credential.name)
    with pytest.raises(Unauthorised):
        identify(provider.token(azp=issued.credential.key))


WRONG: dict[str, dict[str, Any]] = {
    "of another audience": {"aud": "https://elsewhere.example.com"},
    "of several audiences without us": {"aud": ["a", "b"]},
    "without an audience": {"aud": None},
    "of another issuer": {"iss": "https://elsewhere.example.com"},
    "expired": {"exp": int(time.time()) - 3600},
    "without an end": {"exp": None},
    "not valid yet": {"nbf": int(time.time()) + 3600},
}


@pytest.mark.parametrize("case", WRONG)
def test_a_token_is_refused_that_is(provider, issued, case):
    with pytest.raises(Unauthorised) as refused:
        identify(provider.token(azp=issued.credential.key, **WRONG[case]))
    assert refused.value.challenge.startswith('Bearer error="invalid_token"')


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def claims(provider, issued):
    exp = int(time.time()) + 300
    return {"iss": provider.url, "aud": identity_provider.AUDIENCE, "exp": exp, "azp": issued.credential.key}


def test_an_unsigned_token_is_refused(provider, issued):
    for header in ({"alg": "none"}, {"alg": "none", "kid": provider.keys[0].kid}, {}):
        with pytest.raises(Unauthorised):
            identify(f"{part(header)}.{part(claims(provider, issued))}.")


def test_the_public_key_is_no_secret_to_sign_with(provider, issued):
    for public in (
        provider.keys[0].as_pem(private=False),
        json.dumps(provider.keys[0].as_dict(private=False)).encode(),
    ):
        secret = OctKey.import_key(base64.urlsafe_b64encode(public).decode().rstrip("="))
        token = provider.token(headers={"alg": "HS256"}, key=OctKey.import_key({"kty": "oct", **secret.as_dict()}))
        with pytest.raises(Unauthorised):
            identify(token)


def test_a_signature_of_another_key_is_refused(provider, issued):
    forged = provider.token(azp=issued.credential.key, key=RSAKey.generate_key(2048))
    with pytest.raises(Unauthorised):
        identify(forged)


@pytest.mark.parametrize(
    "token", ["a.b.c", "..", f"{part([])}.{part({})}.x", f"{part({'alg': 'RS256', 'kid': [1]})}.e30.x"]
)
def test_what_is_no_token_is_refused(provider, token):
    with pytest.raises(Unauthorised):
        identify(token)


def test_the_provider_may_change_its_keys(provider, issued, monkeypatch):
    assert identify(provider.token(azp=issued.credential.key))
    before = len(provider.asked)
    assert identify(provider.token(azp=issued.credential.key, jti="another"))
    assert len(provider.asked) == before
    provider.rotate()
    # An unknown key is asked for at most so often.
    with pytest.raises(Unauthorised):
        identify(provider.token(azp=issued.credential.key))
    assert len(provider.asked) == before
    monkeypatch.setattr(oidc, "_ASK_AGAIN", 0.0)
    assert identify(provider.token(azp=issued.credential.key))


def test_known_keys_last_while_the_provider_is_down(provider, issued, monkeypatch):
    assert identify(provider.token(azp=issued.credential.key))
    provider.down = True
    monkeypatch.setattr(oidc, "_KEYS_GOOD", 0.0)
    assert identify(provider.token(azp=issued.credential.key, jti="another"))


def test_without_any_keys_the_sender_is_asked_to_come_again(provider, issued):
    provider.down = True
    for _ in range(2):
        with pytest.raises(Unavailable):
            identify(provider.token(azp=issued.credential.key))
    assert len(provider.asked) == 1


def test_without_a_provider_its_tokens_are_unknown(database):
    with pytest.raises(Unauthorised):
        identify("a.b.c")

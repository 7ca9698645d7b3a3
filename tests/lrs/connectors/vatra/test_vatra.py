"""Vatra: what can be checked without its API is checked, and the rest is said."""

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from lrs.connectors import connections
from tests.lrs.connectors.webinars.conftest import planned, run, told

MAKE = {
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "EC": lambda: ec.generate_private_key(ec.SECP256R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}


def private(key, format=PrivateFormat.PKCS8, lock=None):
    locked = NoEncryption() if lock is None else lock
    return key.private_bytes(Encoding.PEM, format, locked).decode()


def public(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture
def vatra(connect):
    def make(private_key, public_key):
        keys = {"jwt_private_key": private_key, "jwt_public_key": public_key}
        return connect("vatra", server="https://vatra.example.org", api_token="token", **keys)

    return make


@pytest.mark.parametrize("kind", MAKE)
def test_keys_of_one_pair_belong_together(vatra, kind):
    key = MAKE[kind]()
    ok, sentence = connections.check(vatra(private(key), public(key)))
    assert ok
    assert sentence.startswith("ok: jwt_public_key and jwt_private_key belong together.")
    assert "not available: no published API" in sentence


def test_keys_on_one_line_are_read(vatra):
    key = MAKE["RSA"]()
    old = private(key, PrivateFormat.TraditionalOpenSSL).replace("\n", "\\n")
    assert connections.check(vatra(old, public(key).replace("\n", "\\n")))[0]


@pytest.mark.parametrize("kinds", [("RSA", "RSA"), ("EC", "EC"), ("RSA", "EC")])
def test_keys_of_two_pairs_do_not(vatra, kinds):
    ok, sentence = connections.check(vatra(private(MAKE[kinds[0]]()), public(MAKE[kinds[1]]())))
    assert not ok
    assert "do not belong together" in sentence
    assert "not available: no published API" in sentence


def test_what_is_no_key_is_named(vatra):
    key = MAKE["EC"]()
    assert "jwt_private_key is not a private key" in connections.check(vatra(public(key), public(key)))[1]
    assert "jwt_public_key is not a public key" in connections.check(vatra(private(key), private(key)))[1]
    assert "jwt_public_key is not a public key" in connections.check(vatra(private(key), "nonsense"))[1]
    locked = private(key, lock=BestAvailableEncryption(b"password"))
    assert "locked with a password" in connections.check(vatra(locked, public(key)))[1]


def test_the_settings_are_kept_and_the_secret_ones_not_shown(vatra):
    key = MAKE["EC"]()
    connection = vatra(private(key), public(key))
    shown = connections.shown(connection)
    assert (shown["server"], shown["api_token"]) == ("https://vatra.example.org", "set")
    assert shown["jwt_private_key"] == "set"
    assert shown["jwt_public_key"] == public(key).strip()
    assert connections.settings_of(connection)["jwt_private_key"] == private(key).strip()
    assert "PRIVATE" not in str(connection.settings) + connection.sealed


def test_nothing_is_asked_and_nobody_judged(vatra, lrs_url):
    key = MAKE["EC"]()
    connection = vatra(private(key), public(key))
    session = planned(connection, "room-7")
    for _ in range(13):
        session.refresh_from_db()
        run(connection, session.due)
    session.refresh_from_db()
    assert session.state == "no_data"
    assert told(connection) == []
    assert httpx.post(f"{lrs_url}/hooks/{connection.hook}", json={}).status_code == 401

"""Signed statements over HTTP, and forged ones (xAPI 1.0.3 Data 2.6)."""

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from tests.client import Client, Statement
from tests.conformance.examples import MIXED, attachment, ids, mixed, part, statement, verb

USAGE = "http://adlnet.gov/expapi/attachments/signature"
RSA: Mapping[str, hashes.HashAlgorithm] = {"RS256": hashes.SHA256(), "RS384": hashes.SHA384(), "RS512": hashes.SHA512()}


@cache
def key(owner: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def certificate(owner: str) -> str:
    """The owner's certificate, signed by themselves, as "x5c" has it."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, owner)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key(owner).public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key(owner), hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()


def encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def jws(payload: object, *, signer: str = "ann", **header: Any) -> bytes:
    """A JSON web signature that the signer really made."""
    header = {"alg": "RS256", "x5c": [certificate("ann")], **header}
    signed = encoded(json.dumps(header).encode()) + b"." + encoded(json.dumps(payload).encode())
    algorithm = RSA.get(header["alg"], hashes.SHA256())
    return signed + b"." + encoded(key(signer).sign(signed, padding.PKCS1v15(), algorithm))


def send(client: Client, given: Statement, signature: bytes, **changes: Any) -> httpx.Response:
    signed = attachment(signature, **{"usageType": USAGE, "contentType": "application/octet-stream", **changes})
    body = mixed([{**given, "attachments": [signed]}], [part(signature)])
    return client.request("POST", "statements", content=body, headers=MIXED)


def refusal(client: Client, answer: httpx.Response) -> str:
    assert answer.status_code == 400, answer.text
    assert client.all_statements() == []
    (fault,) = answer.json()["errors"]
    assert fault["pointer"].startswith("/0/attachments/0")
    return str(fault["rule"])


@pytest.mark.parametrize("algorithm", RSA)
def test_a_signed_statement_is_taken_and_its_signature_given_back(client: Client, algorithm):
    given = statement()
    signature = jws(given, alg=algorithm)

    assert send(client, given, signature).json() == [given["id"]]
    assert signature in client.get_statements({"attachments": "true"}).content
    assert send(client, given, signature).json() == [given["id"]]
    assert ids(client.all_statements()) == [given["id"]]


def test_a_signature_by_another_key_than_the_certificates_is_refused(client: Client):
    given = statement()

    assert refusal(client, send(client, given, jws(given, signer="eve"))) == "signature-verification"


def test_a_signature_of_another_statement_is_refused(client: Client):
    given = statement()

    assert refusal(client, send(client, given, jws({**given, "verb": verb("fail")}))) == "signature-payload"


def test_a_payload_that_was_changed_after_signing_is_refused(client: Client):
    given = statement()
    head, _, signature = jws({**given, "verb": verb("fail")}).split(b".")
    forged = b".".join([head, encoded(json.dumps(given).encode()), signature])

    assert refusal(client, send(client, given, forged)) == "signature-verification"


def test_an_algorithm_that_proves_nothing_is_refused(client: Client):
    given = statement()
    payload = encoded(json.dumps(given).encode())
    none = encoded(b'{"alg":"none"}') + b"." + payload + b"."
    # The certificate's public key taken for a shared secret.
    head = encoded(json.dumps({"alg": "HS256", "x5c": [certificate("ann")]}).encode())
    public = (
        key("ann")
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    shared = hmac.digest(public, head + b"." + payload, "sha256")

    for forged in (none, head + b"." + payload + b"." + encoded(shared)):
        assert refusal(client, send(client, given, forged)) in ("signature-algorithm", "signature-form")


@pytest.mark.parametrize("forged", [b"", b"nonsense", b"a.b.c", b"..", b"\xff\x00", b"{}"])
def test_what_is_no_signature_is_refused(client: Client, forged):
    assert refusal(client, send(client, statement(), forged)) == "signature-form"


def test_a_signature_of_another_content_type_is_refused(client: Client):
    given = statement()

    assert refusal(client, send(client, given, jws(given), contentType="text/plain")) == "signature-content-type"


def test_a_signature_that_was_not_sent_is_refused_even_where_a_file_is_named(client: Client):
    given = statement()
    signature = jws(given)
    signed = attachment(
        signature, usageType=USAGE, contentType="application/octet-stream", fileUrl="https://files.example.com/s"
    )

    assert refusal(client, client.post_statements([{**given, "attachments": [signed]}])) == "signature-missing"


def test_one_forged_signature_keeps_a_whole_batch_out(client: Client):
    good, bad = statement(), statement()
    signatures = [jws(good), jws(bad, signer="eve")]
    batch = [
        {**each, "attachments": [attachment(made, usageType=USAGE, contentType="application/octet-stream")]}
        for each, made in zip((good, bad), signatures, strict=True)
    ]

    answer = client.request("POST", "statements", content=mixed(batch, map(part, signatures)), headers=MIXED)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/1/attachments/0"]
    assert client.all_statements() == []

"""Signed statements, with keys and certificates made for the test (xAPI 1.0.3 Data 2.6, RFC 7515)."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from statements.errors import Invalid
from statements.xapi import signature
from statements.xapi.text import Given

HASHES = {"RS256": hashes.SHA256(), "RS384": hashes.SHA384(), "RS512": hashes.SHA512()}
STATEMENT: dict[str, Any] = {
    "id": "33cff416-e331-4c9d-969e-5373a1756120",
    "actor": {"mbox": "mailto:learner@example.com", "name": "Learner", "objectType": "Agent"},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/experienced", "display": {"en-US": "experienced"}},
    "object": {"id": "https://example.com/course", "objectType": "Activity"},
    "result": {"duration": "PT1.234S", "score": {"raw": 12.5}},
    "timestamp": "2013-04-01T12:00:00Z",
}
CERTIFICATE = {
    "usageType": "http://example.com/usage/certificate",
    "display": {"en": "Certificate"},
    "contentType": "application/pdf",
    "length": 3,
    "sha2": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
}


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 1024 if name.startswith("old") else 2048)


@cache
def certificate(subject: str, issuer: str) -> x509.Certificate:
    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    start = datetime(2013, 4, 4, tzinfo=UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key(subject).public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=365))
        .sign(key(issuer), hashes.SHA256())
    )


def of_old(subject: str, issuer: str, signer: str) -> x509.Certificate:
    """A certificate signed with SHA-1 like the one of the standard's example; no library makes one any more."""
    new = certificate(subject, issuer)
    sha256, sha1 = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    signed = new.tbs_certificate_bytes.replace(sha256, sha1)
    der = new.public_bytes(serialization.Encoding.DER).replace(sha256, sha1)
    made = key(signer).sign(signed, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303
    return x509.load_der_x509_certificate(der[: -len(made)] + made)


def x5c(*chain: x509.Certificate) -> list[str]:
    return [base64.b64encode(each.public_bytes(serialization.Encoding.DER)).decode() for each in chain]


def encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def token(payload: object, signer: str = "learner", **header: object) -> bytes:
    """A JWS of a payload (bytes as they are, anything else as JSON)."""
    header = {"alg": "RS256", **header}
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signed = encoded(json.dumps(header).encode()) + b"." + encoded(body)
    made = key(signer).sign(signed, padding.PKCS1v15(), HASHES.get(str(header["alg"]), hashes.SHA256()))
    return signed + b"." + encoded(made)


def attached(data: bytes, **changes: object) -> dict[str, Any]:
    return {
        "usageType": signature.USAGE,
        "display": {"en": "Signature"},
        "contentType": "application/octet-stream",
        "length": len(data),
        "sha2": hashlib.sha256(data).hexdigest(),
        **changes,
    }


def check(statement: dict[str, Any], *tokens: bytes, **changes: object) -> None:
    """The check of a statement that carries these signatures beside its other attachments."""
    attachments = [*statement.get("attachments", []), *(attached(data, **changes) for data in tokens)]
    given = parsed({**statement, "attachments": attachments})
    signature.check([given], {hashlib.sha256(data).hexdigest(): data for data in tokens})


def parsed(statement: dict[str, Any]) -> Given:
    return Given(json.dumps(statement).encode(), statement, "/3")


def rules(statement: dict[str, Any], *tokens: bytes, **changes: object) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as problem:
        check(statement, *tokens, **changes)
    return [(fault.pointer, fault.rule) for fault in problem.value.faults]


CHAIN = [("learner", "school"), ("school", "ministry"), ("ministry", "ministry")]


def chain(length: int = 3) -> list[str]:
    return x5c(*(certificate(*names) for names in CHAIN[:length]))


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512"])
@pytest.mark.parametrize("length", [0, 1, 3])
def test_a_signed_statement_is_taken_with_and_without_certificates(algorithm, length):
    header: dict[str, Any] = {"x5c": chain(length)} if length else {}

    check(STATEMENT, token(STATEMENT, alg=algorithm, **header))


def test_the_signatures_that_are_needed_are_told_by_their_hash():
    value = {**STATEMENT, "attachments": [CERTIFICATE, attached(b"x", sha2="AB" * 32)]}

    assert signature.needed([parsed(value)]) == {"ab" * 32}


def test_other_attachments_are_part_of_what_was_signed():
    value = {**STATEMENT, "attachments": [CERTIFICATE]}

    check(value, token(value))
    assert rules(value, token(STATEMENT)) == [("/3/attachments/1", "signature-payload")]


def test_two_people_may_sign_one_after_the_other():
    first = token(STATEMENT, "learner", x5c=chain(1))
    countersigned = {**STATEMENT, "attachments": [attached(first)]}
    second = token(countersigned, "school", x5c=x5c(certificate("school", "ministry")))

    check(STATEMENT, first, second)


def test_two_people_may_sign_side_by_side():
    check(STATEMENT, token(STATEMENT, "learner"), token(STATEMENT, "school"))


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": "2013-04-01T14:00:00.000+02:00"},
        {"id": STATEMENT["id"].upper()},
        {"version": "1.0.0"},
        {"authority": {"mbox": "mailto:lrs@example.com"}},
        {"stored": "2013-04-01T12:00:01Z"},
        {"result": {"duration": "PT1.239S", "score": {"raw": 12.50}}},
        {"verb": {"id": STATEMENT["verb"]["id"], "display": {"de": "erfahren"}}},
        {"object": {"id": STATEMENT["object"]["id"]}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_the_standard_allows_to_differ_may_differ(change):
    check({**STATEMENT, **change}, token(STATEMENT, x5c=chain()))


def test_what_an_lrs_on_the_way_has_filled_in_need_not_have_been_signed():
    bare = {name: value for name, value in STATEMENT.items() if name not in {"id", "timestamp"}}

    check(STATEMENT, token(bare, x5c=chain()))


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": "2013-04-01T12:00:01Z"},
        {"id": "44cff416-e331-4c9d-969e-5373a1756120"},
        {"actor": {"mbox": "mailto:another@example.com"}},
        {"verb": {"id": "http://adlnet.gov/expapi/verbs/passed"}},
        {"object": {"id": "https://example.com/other"}},
        {"result": {"duration": "PT1.25S", "score": {"raw": 12.5}}},
        {"context": {"platform": "added"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_statement_that_says_something_else_than_was_signed_is_refused(change):
    assert rules({**STATEMENT, **change}, token(STATEMENT, x5c=chain())) == [("/3/attachments/0", "signature-payload")]


def test_a_number_altered_where_no_double_tells_it_is_refused():
    signed = {**STATEMENT, "result": {"extensions": {"http://example.com/amount": 12345678901234567890123}}}
    altered = {**STATEMENT, "result": {"extensions": {"http://example.com/amount": 12345678901234567890124}}}

    check(signed, token(signed))
    assert rules(altered, token(signed)) == [("/3/attachments/0", "signature-payload")]


@pytest.mark.parametrize("name", ["id", "timestamp", "result"])
def test_what_was_signed_cannot_be_left_out(name):
    less = {key: value for key, value in STATEMENT.items() if key != name}

    assert rules(less, token(STATEMENT)) == [("/3/attachments/0", "signature-payload")]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{'id': 1}",
        b'"a string"',
        b"[]",
        json.dumps([STATEMENT]).encode(),
        json.dumps({**STATEMENT, "timestamp": 5}).encode(),
        json.dumps(STATEMENT).encode("utf-16"),
        b"[" * 100_000,
        b'{"id": "' + STATEMENT["id"].encode() + b'", ' + json.dumps(STATEMENT).encode()[1:],
    ],
    ids=["empty", "quotes", "string", "none", "list", "timestamp", "utf-16", "deep", "twice"],
)
def test_a_payload_that_is_not_one_json_object_is_refused(payload):
    assert rules(STATEMENT, token(payload, x5c=chain())) == [("/3/attachments/0", "signature-payload")]


def test_a_signature_of_somebody_else_is_refused():
    assert rules(STATEMENT, token(STATEMENT, "stranger", x5c=chain())) == [
        ("/3/attachments/0", "signature-verification")
    ]


def test_a_payload_put_in_after_signing_is_refused():
    header, _, made = token({**STATEMENT, "result": {}}, x5c=chain()).split(b".")
    forged = b".".join([header, encoded(json.dumps(STATEMENT).encode()), made])

    assert rules(STATEMENT, forged) == [("/3/attachments/0", "signature-verification")]


def test_a_signature_by_another_algorithm_than_it_says_is_refused():
    _, body, made = token(STATEMENT, alg="RS256", x5c=chain()).split(b".")
    header = encoded(json.dumps({"alg": "RS512", "x5c": chain()}).encode())

    forged = b".".join([header, body, made])

    assert rules(STATEMENT, forged) == [("/3/attachments/0", "signature-verification")]


@pytest.mark.parametrize("algorithm", ["none", "NONE", "rs256", "HS256", "ES256", "PS256", "EdDSA", ""])
@pytest.mark.parametrize("length", [0, 1])
def test_any_algorithm_but_the_three_is_refused(algorithm, length):
    header: dict[str, Any] = {"x5c": chain(length)} if length else {}

    assert rules(STATEMENT, token(STATEMENT, alg=algorithm, **header)) == [("/3/attachments/0", "signature-algorithm")]


def test_an_unsigned_token_is_refused():
    header = encoded(json.dumps({"alg": "none"}).encode())
    body = encoded(json.dumps(STATEMENT).encode())

    assert rules(STATEMENT, header + b"." + body + b".") == [("/3/attachments/0", "signature-algorithm")]


def test_a_public_key_used_as_a_secret_is_refused():
    public = key("learner").public_key()
    secret = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    header = encoded(json.dumps({"alg": "HS256", "x5c": chain()}).encode())
    signed = header + b"." + encoded(json.dumps(STATEMENT).encode())
    code = hmac.HMAC(secret, hashes.SHA256())
    code.update(signed)

    assert rules(STATEMENT, signed + b"." + encoded(code.finalize())) == [("/3/attachments/0", "signature-algorithm")]


@pytest.mark.parametrize(
    "names",
    [
        [("learner", "school"), ("ministry", "ministry")],
        [("learner", "school"), ("school", "ministry"), ("learner", "school")],
        [],
        [("ministry", "ministry")] * 11,
    ],
    ids=["gap", "order", "empty", "long"],
)
def test_a_chain_in_which_one_does_not_sign_the_other_is_refused(names):
    chain = x5c(*(certificate(*each) for each in names))

    assert rules(STATEMENT, token(STATEMENT, x5c=chain)) == [("/3/attachments/0", "signature-certificate")]


def test_a_chain_whose_issuer_has_only_the_name_is_refused():
    namesake = (
        x509.CertificateBuilder()
        .subject_name(certificate("learner", "school").issuer)
        .issuer_name(certificate("learner", "school").issuer)
        .public_key(key("stranger").public_key())
        .serial_number(2)
        .not_valid_before(datetime(2013, 4, 4, tzinfo=UTC))
        .not_valid_after(datetime(2033, 4, 4, tzinfo=UTC))
        .sign(key("stranger"), hashes.SHA256())
    )

    assert rules(STATEMENT, token(STATEMENT, x5c=x5c(certificate("learner", "school"), namesake))) == [
        ("/3/attachments/0", "signature-certificate")
    ]


def test_keys_and_certificates_as_old_as_the_standard_are_taken():
    chain = x5c(of_old("old learner", "old school", "old school"), certificate("old school", "ministry"))

    check(STATEMENT, token(STATEMENT, "old learner", x5c=chain))


@pytest.mark.parametrize(("issuer", "signer"), [("old school", "old stranger"), ("old house", "old school")])
def test_an_old_certificate_that_the_next_did_not_sign_is_refused(issuer, signer):
    chain = x5c(of_old("old learner", issuer, signer), certificate("old school", "ministry"))

    assert rules(STATEMENT, token(STATEMENT, "old learner", x5c=chain)) == [
        ("/3/attachments/0", "signature-certificate")
    ]


def test_a_certificate_with_another_kind_of_key_is_refused():
    name = certificate("learner", "school").subject
    private = ec.generate_private_key(ec.SECP256R1())
    elliptic = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(3)
        .not_valid_before(datetime(2013, 4, 4, tzinfo=UTC))
        .not_valid_after(datetime(2033, 4, 4, tzinfo=UTC))
        .sign(private, hashes.SHA256())
    )

    assert rules(STATEMENT, token(STATEMENT, x5c=x5c(elliptic))) == [("/3/attachments/0", "signature-certificate")]


@pytest.mark.parametrize("text", ["", "!", "AAAA", "é"])
def test_what_is_not_a_certificate_is_refused(text):
    assert rules(STATEMENT, token(STATEMENT, x5c=[text])) == [("/3/attachments/0", "signature-certificate")]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"a signature",
        b"..",
        b"a.b.c",
        b"\xff.\xff.\xff",
        json.dumps({"payload": "", "signatures": []}).encode(),
        encoded(b"[" * 100_000) + b".e30.AA",
        encoded(b'["alg"]') + b".e30.AA",
        encoded(b'"alg"') + b".e30.AA",
        encoded(b"5") + b".e30.AA",
        encoded(b"{}") + b".e30.AA",
        encoded(b'{"alg": 5}') + b".e30.AA",
        encoded(b'{"alg": "RS256", "x5c": "AAAA"}') + b".e30.AA",
        encoded(b'{"alg": "RS256", "crit": ["exp"], "exp": 5}') + b".e30.AA",
        encoded(b'{"alg": "RS256", "crit": 5}') + b".e30.AA",
        encoded(b'{"alg": "RS256", "b64": false}') + b".e30.AA",
        encoded(b'{"alg": "RS256"}') + b".e30.",
        encoded(b'{"alg": "RS256"}') + b".e30.A",
        encoded(b'{"alg": "RS256"}') + b".e30.AA\n",
        encoded(b'{"alg": "RS256"}') + b"." + b"A" * 3 * signature.MOST + b".AA",
    ],
)
def test_what_is_not_a_signature_in_compact_form_is_refused(data):
    assert rules(STATEMENT, data) == [("/3/attachments/0", "signature-form")]


def test_a_signature_of_another_content_type_is_refused():
    assert rules(STATEMENT, token(STATEMENT), contentType="text/plain; charset=ascii") == [
        ("/3/attachments/0/contentType", "signature-content-type")
    ]


def test_a_signature_lying_elsewhere_is_none():
    value = {**STATEMENT, "attachments": [attached(b"x", fileUrl="https://example.com/signature")]}

    with pytest.raises(Invalid) as problem:
        signature.check([parsed(value)], {})

    assert problem.value.faults[0][:2] == ("/3/attachments/0", "signature-missing")


def test_a_signature_that_two_attachments_name_is_missing_at_the_second():
    signed = token(STATEMENT)

    assert rules(STATEMENT, signed, signed) == [("/3/attachments/1", "signature-missing")]


def test_every_wrong_signature_is_named():
    assert rules(STATEMENT, b"nothing", token(STATEMENT), token({}), token(STATEMENT, alg="none")) == [
        ("/3/attachments/0", "signature-form"),
        ("/3/attachments/2", "signature-payload"),
        ("/3/attachments/3", "signature-algorithm"),
    ]

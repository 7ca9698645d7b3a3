"""Signed statements: a JSON web signature as an attachment (xAPI 1.0.3 Data 2.6, RFC 7515)."""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from joserfc.util import urlsafe_b64decode

from statements.errors import Fault, Invalid
from statements.xapi.equality import same
from statements.xapi.text import Given, cut, read_exactly
from statements.xapi.values import timestamp

USAGE = "http://adlnet.gov/expapi/attachments/signature"
CONTENT_TYPE = "application/octet-stream"
ALGORITHMS = ("RS256", "RS384", "RS512")
MOST = 1024 * 1024  # bytes of one signature, its payload and certificates included
NESTING = 100
LONGEST_CHAIN = 10


class _Registry(jws.JWSRegistry):
    # The library's own limits are made for tokens: 512 bytes of header hold no certificate.
    max_header_length = MOST
    max_payload_length = MOST


_REGISTRY = _Registry(algorithms=ALGORITHMS, strict_check_header=False)


def needed(givens: Iterable[Given]) -> frozenset[str]:
    """The sha2 (lower case) of each attachment that is a signature: the data that `check` must be given."""
    return frozenset(attachment["sha2"].lower() for given in givens for _, attachment in _signatures(given.value))


def check(givens: Iterable[Given], data: Mapping[str, bytes]) -> None:
    """Every signature of these valid statements signs just the statement that carries it.

    `data` gives the received bytes by sha2 in lower case; of each, more than MOST + 1 bytes need not be read.
    With certificates in the JWS header ("x5c") the key of the first must verify the signature, and each must be
    signed by the next. Whom to trust is not decided here and dates of validity are not looked at: the standard
    wants mistakes found. Without certificates there is no key: form, algorithm and payload are checked.
    A signature signs one statement, so each is named once. Raises Invalid with the fault of every wrong one.
    """
    faults: list[Fault] = []
    unused = dict(data)
    for given in givens:
        for index, attachment in _signatures(given.value):
            try:
                _check(given, index, unused.pop(attachment["sha2"].lower(), None))
            except Invalid as problem:
                faults.extend(problem.faults)
    if faults:
        raise Invalid(*faults)


def _check(given: Given, index: int, data: bytes | None) -> None:
    at = f"{given.at}/attachments/{index}"
    content_type = given.value["attachments"][index]["contentType"]
    if content_type.partition(";")[0].strip().lower() != CONTENT_TYPE:
        problem = f"a signature has the content type {CONTENT_TYPE}"
        raise Invalid(Fault(f"{at}/contentType", "signature-content-type", problem))
    if data is None:
        problem = "no part of the request holds this signature, or another attachment names it already"
        raise Invalid(Fault(at, "signature-missing", problem))
    token = _token(data, at)
    _verify(token, at)
    signed = _payload(token, at)
    if not any(_says(signed, each) for each in _unsigned(read_exactly(given.raw), index)):
        problem = "what was signed is not this statement without its signature"
        raise Invalid(Fault(at, "signature-payload", problem))


def _signatures(statement: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The signatures and their places in the list; a SubStatement is no statement and has none."""
    for index, attachment in enumerate(statement.get("attachments", ())):
        if attachment["usageType"] == USAGE:
            yield index, attachment


def _token(data: bytes, at: str) -> jws.CompactSignature:
    """The parsed compact serialisation, with a header that is understood and one of the three algorithms."""
    problem = "the data is not a JSON web signature in compact serialisation (RFC 7515, section 7.1)"
    try:
        token = jws.extract_compact(data, registry=_REGISTRY)
        _REGISTRY.check_header(token.headers())
        signature = urlsafe_b64decode(token.segments["signature"])
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
        raise Invalid(Fault(at, "signature-form", problem)) from None
    algorithm = token.headers()["alg"]
    if algorithm not in ALGORITHMS:
        problem = f"a signature is made with {', '.join(ALGORITHMS)}, and this one says {algorithm[:40]!r}"
        raise Invalid(Fault(at, "signature-algorithm", problem))
    if not signature:
        raise Invalid(Fault(at, "signature-form", problem))
    return token


def _verify(token: jws.CompactSignature, at: str) -> None:
    """The signature against the certificates of its header, where it has some (RFC 7515, section 4.1.6)."""
    encoded = token.headers().get("x5c")
    if encoded is None:
        return
    if len(encoded) > LONGEST_CHAIN:
        problem = f"x5c has more than {LONGEST_CHAIN} certificates"
        raise Invalid(Fault(at, "signature-certificate", problem))
    key = _key(encoded, at)
    try:
        # Not by import_key, which warns of the 1024 bits that the standard's own example has.
        verified = jws.validate_compact(token, RSAKey(key, key), registry=_REGISTRY)
    except (JoseError, ValueError):
        verified = False
    if not verified:
        problem = "the key of the first certificate in x5c does not verify the signature"
        raise Invalid(Fault(at, "signature-verification", problem))


def _key(encoded: Sequence[str], at: str) -> RSAPublicKey:
    """The public key of the first certificate, of a chain whose every certificate is signed by the next."""
    try:
        chain = [x509.load_der_x509_certificate(base64.b64decode(each, validate=True)) for each in encoded]
        for certificate, issuer in pairwise(chain):
            _verify_issue(certificate, issuer)
        key = chain[0].public_key() if chain else None
    except InvalidSignature:
        problem = "a certificate in x5c is not signed by the one that follows it"
        raise Invalid(Fault(at, "signature-certificate", problem)) from None
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        problem = f"x5c is not a chain of X.509 certificates: {error}"
        raise Invalid(Fault(at, "signature-certificate", problem)) from None
    if not isinstance(key, RSAPublicKey):
        problem = "x5c does not begin with a certificate that has an RSA key"
        raise Invalid(Fault(at, "signature-certificate", problem))
    return key


def _verify_issue(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    """Raises InvalidSignature, ValueError or TypeError where the one is not signed by the other."""
    key = issuer.public_key()
    if isinstance(certificate.signature_hash_algorithm, hashes.SHA1) and isinstance(key, RSAPublicKey):
        # The library trusts no SHA-1, rightly, but nobody is trusted here and the standard's own example has it.
        if certificate.issuer != issuer.subject:
            raise ValueError("the issuer of one is not the subject of the next")
        key.verify(certificate.signature, certificate.tbs_certificate_bytes, PKCS1v15(), hashes.SHA1())  # noqa: S303
    else:
        certificate.verify_directly_issued_by(issuer)


def _payload(token: jws.CompactSignature, at: str) -> Mapping[str, Any]:
    """What was signed: one JSON object."""
    try:
        payload = cut(token.payload or b"", nesting=NESTING, most=1)
    except Invalid as error:
        problem = f"what was signed is not valid JSON: {error}"
        raise Invalid(Fault(at, "signature-payload", problem)) from None
    if len(payload) != 1 or payload[0].at or not isinstance(payload[0].value, dict):
        raise Invalid(Fault(at, "signature-payload", "what was signed is not one statement"))
    value: Mapping[str, Any] = read_exactly(payload[0].raw)
    return value


def _unsigned(statement: Mapping[str, Any], index: int) -> Iterator[Mapping[str, Any]]:
    """The statement as it may have been before it was signed: without any signature, or without only this one."""
    attachments = statement["attachments"]
    signatures = {place for place, _ in _signatures(statement)}
    for added in (signatures, {index}):
        kept = [attachment for place, attachment in enumerate(attachments) if place not in added]
        yield {**statement, "attachments": kept}


def _says(signed: Mapping[str, Any], statement: Mapping[str, Any]) -> bool:
    """Whether the statement says what was signed; an LRS on the way may have filled in id and timestamp."""
    return (
        ("id" not in signed or "id" in statement)
        and ("timestamp" not in signed or _same_instant(signed["timestamp"], statement.get("timestamp")))
        and same(_without_empty_list(signed), _without_empty_list(statement))
    )


def _same_instant(signed: object, given: object) -> bool:
    if not isinstance(signed, str) or not isinstance(given, str):
        return False
    try:
        return timestamp(signed) == timestamp(given)
    except ValueError:
        return False


def _without_empty_list(statement: Mapping[str, Any]) -> Mapping[str, Any]:
    """No attachments and an empty list of them are the same."""
    return {name: value for name, value in statement.items() if name != "attachments" or value != []}

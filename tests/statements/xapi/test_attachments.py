"""What statements say they carry, against what came with them (xAPI 1.0.3 Data 2.4.11)."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from statements.errors import Invalid
from statements.xapi import attachments
from statements.xapi.attachments import Part, Wanted
from statements.xapi.text import Given

ESSAY = b"An essay."
PHOTO = b"\xff\xd8 a photo"


def sha2(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def attachment(data: bytes, **more: object) -> dict[str, Any]:
    return {
        "usageType": "http://example.com/usage/essay",
        "display": {"en": "Essay"},
        "contentType": "text/plain",
        "length": len(data),
        "sha2": sha2(data),
        **more,
    }


def statement(*own: dict[str, Any], inner: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    thing: dict[str, Any] = {"id": "http://example.com/course"}
    if inner is not None:
        thing = {"objectType": "SubStatement", "object": thing, "attachments": inner}
    return {"object": thing, "attachments": list(own)} if own else {"object": thing}


def givens(*statements: dict[str, Any]) -> list[Given]:
    return [Given(b"", value, f"/{place}") for place, value in enumerate(statements)]


def part(data: bytes, declared: str | None = None) -> Part:
    return Part(declared or sha2(data), sha2(data), "text/plain", len(data), Path("nowhere"))


def faults(problem: pytest.ExceptionInfo[Invalid]) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.rule) for fault in problem.value.faults]


def test_the_attachments_of_a_substatement_are_wanted_too():
    value = statement(
        attachment(ESSAY), inner=[attachment(PHOTO, sha2=sha2(PHOTO).upper(), fileUrl="http://example.com/photo")]
    )

    assert list(attachments.wanted(value, "/7")) == [
        Wanted("/7/attachments/0", sha2(ESSAY), "http://example.com/usage/essay", "text/plain", False),
        Wanted("/7/object/attachments/0", sha2(PHOTO), "http://example.com/usage/essay", "text/plain", True),
    ]


def test_statements_and_their_data_fit_whatever_the_case_of_the_hash():
    upper = attachment(ESSAY, sha2=sha2(ESSAY).upper())

    two = givens(statement(upper), statement(inner=[attachment(PHOTO)]))

    attachments.check(two, [part(PHOTO), part(ESSAY)])


def test_one_part_serves_every_statement_that_names_it():
    attachments.check(givens(statement(attachment(ESSAY)), statement(attachment(ESSAY))), [part(ESSAY)])


@pytest.mark.parametrize("parts", [[], [part(ESSAY)]])
def test_an_attachment_that_has_a_file_url_may_do_without_data(parts):
    attachments.check(givens(statement(attachment(ESSAY, fileUrl="http://example.com/essay"))), parts)


def test_a_length_that_counts_something_else_than_bytes_is_taken():
    attachments.check(givens(statement(attachment(ESSAY, length=3))), [part(ESSAY)])


def test_an_attachment_without_its_data_is_refused():
    with pytest.raises(Invalid) as problem:
        attachments.check(givens(statement(), statement(attachment(PHOTO), attachment(ESSAY))), [part(PHOTO)])

    assert faults(problem) == [("/1/attachments/1/sha2", "attachment-missing")]


def test_data_that_no_attachment_names_is_refused():
    with pytest.raises(Invalid) as problem:
        attachments.check(givens(statement(attachment(ESSAY))), [part(ESSAY), part(PHOTO)])

    assert faults(problem) == [("", "attachment-surplus")]
    assert sha2(PHOTO) in problem.value.faults[0].problem


def test_data_that_is_not_what_its_hash_says_is_refused_even_beside_a_file_url():
    value = statement(attachment(ESSAY), attachment(ESSAY, fileUrl="http://example.com/essay"))

    with pytest.raises(Invalid) as problem:
        attachments.check(givens(value), [part(b"another essay", declared=sha2(ESSAY))])

    assert faults(problem) == [
        ("/0/attachments/0/sha2", "attachment-hash"),
        ("/0/attachments/1/sha2", "attachment-hash"),
    ]
    assert sha2(b"another essay") in problem.value.faults[0].problem


def test_a_good_copy_does_not_hide_an_altered_one():
    with pytest.raises(Invalid) as problem:
        attachments.check(
            givens(statement(attachment(ESSAY))), [part(ESSAY), part(b"another essay", declared=sha2(ESSAY))]
        )

    assert faults(problem) == [("/0/attachments/0/sha2", "attachment-hash")]


def test_every_fault_of_every_statement_is_named_at_once():
    first = statement(attachment(b"one"), inner=[attachment(b"two")])
    second = statement(attachment(b"three"))

    with pytest.raises(Invalid) as problem:
        attachments.check(givens(first, second), [part(b"3", declared=sha2(b"three")), part(b"four")])

    assert faults(problem) == [
        ("/0/attachments/0/sha2", "attachment-missing"),
        ("/0/object/attachments/0/sha2", "attachment-missing"),
        ("/1/attachments/0/sha2", "attachment-hash"),
        ("", "attachment-surplus"),
    ]

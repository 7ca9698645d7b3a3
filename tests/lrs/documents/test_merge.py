"""A posted JSON document comes into the one that is there; without a database."""

import pytest

from lrs.documents import merge
from statements.errors import Invalid

JSON = "application/json"


def merged(old: bytes, new: bytes) -> bytes:
    return merge.merged(old, JSON, new, JSON)


def test_top_level_properties_are_replaced_or_added():
    assert merged(b'{"x": "foo", "y": "bar"}', b'{"x": "bash", "z": "faz"}') == b'{"x":"bash","y":"bar","z":"faz"}'


def test_what_is_below_the_top_level_is_replaced_as_a_whole():
    assert merged(b'{"car": {"make": "Ford", "model": "Escape"}}', b'{"car": {"make": "Dodge"}}') == (
        b'{"car":{"make": "Dodge"}}'
    )


def test_numbers_keep_their_spelling():
    old = b'{"a": 12345678901234567890, "b": 0.12345678901234567890123}'
    assert merged(old, b'{"c": 1.10, "d": 1E40}') == (
        b'{"a":12345678901234567890,"b":0.12345678901234567890123,"c":1.10,"d":1E40}'
    )


def test_escapes_that_no_text_can_hold_are_kept():
    assert merged(rb'{"\ud800": 1, "b": "\u0000"}', rb'{"c": "\udfff"}') == rb'{"\ud800":1,"b":"\u0000","c":"\udfff"}'


def test_parameters_of_the_content_type_do_not_matter():
    assert merge.merged(b'{"a":1}', "application/json; charset=utf-8", b"{}", "Application/JSON") == b'{"a":1}'


@pytest.mark.parametrize(
    ("old_type", "new_type"), [("text/plain", JSON), (JSON, "text/plain"), (JSON, "application/json-patch+json")]
)
def test_other_types_are_not_merged(old_type, new_type):
    with pytest.raises(Invalid, match="only documents of type application/json"):
        merge.merged(b"{}", old_type, b"{}", new_type)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'"text"',
        b"1",
        b"null",
        b'{"a":1}{',
        b'{"a":1E400}',
        b'{"a":NaN}',
        b'{"a":"\\ud800", "b": Infinity}',
        b'{"a":"\xff"}',
        b'{"a":"\\ud800\xff"}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"s":"\\ud800","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_not_a_json_object_is_refused_on_either_side(content):
    with pytest.raises(Invalid, match="the document that was sent"):
        merged(b"{}", content)
    with pytest.raises(Invalid, match="the document that is there"):
        merged(content, b"{}")
    with pytest.raises(Invalid):
        merge.check_object(content)

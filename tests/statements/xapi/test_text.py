"""The JSON text of statements: cut out of requests, taken apart and put together."""

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statements.errors import Invalid
from statements.xapi import text

NUMBERS = [
    b"12345678901234567890",
    b"0.12345678901234567890123",
    b"1.10",
    b"-0",
    b"1E+2",
    b"1e-7",
    b"123456789012345678901234567890",
]

strings = st.text(st.characters(exclude_categories=[]), max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | strings
values = st.recursive(scalars, lambda below: st.lists(below, max_size=4) | st.dictionaries(strings, below, max_size=4))
objects = st.dictionaries(strings, values, max_size=4)
spellings = st.sampled_from(
    [
        {"separators": (",", ":")},
        {"separators": (", ", ": ")},
        {"separators": (" ,\t", " :\r\n")},
        {"indent": 2},
        {"indent": 1, "sort_keys": True},
    ]
)


def cut(body: bytes, nesting: int = 50, most: int = 10) -> tuple[text.Given, ...]:
    return text.cut(body, nesting=nesting, most=most)


def fault(body: bytes, nesting: int = 50, most: int = 10) -> tuple[str, str]:
    """The place and the rule of the only fault."""
    with pytest.raises(Invalid) as refusal:
        cut(body, nesting, most)
    (only,) = refusal.value.faults
    assert json.dumps(only.problem).isascii()
    return only.pointer, only.rule


def test_a_single_statement_is_cut_without_the_space_around_it():
    assert cut(b'\r\n {"a": 1.10 } \n') == (text.Given(b'{"a": 1.10 }', {"a": 1.1}, ""),)


def test_an_array_is_cut_into_its_elements_and_their_places():
    assert cut(b' [ {"a":1} ,\n{ } ] ') == (
        text.Given(b'{"a":1}', {"a": 1}, "/0"),
        text.Given(b"{ }", {}, "/1"),
    )


def test_an_empty_array_has_no_statements():
    assert cut(b" [ ] ") == ()


def test_elements_that_are_no_objects_are_left_to_validation():
    assert [one.value for one in cut(b'[1,"x",null,[{}]]')] == [1, "x", None, [{}]]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_stays_as_it_was_written(number):
    statement = b'{"n":%b}' % number

    for half in (b"", b',"half":"\\ud800"'):
        body = statement[:-1] + half + b"}"
        assert cut(body)[0].raw == body
        assert cut(b"[" + body + b"]")[0].raw == body
        assert bytes(text.members(body)["n"]) == number


def test_the_values_of_numbers_are_the_same_on_the_fast_and_on_the_slow_way():
    body = b'{"n":[%b]}' % b",".join(
        [*NUMBERS, b"9223372036854775808", b"18446744073709551616", b"-9223372036854775809"]
    )
    quick, slow = cut(body)[0].value, cut(body[:-1] + b',"half":"\\udfff"}')[0].value

    assert [(type(one), one) for one in quick["n"]] == [(type(one), one) for one in slow["n"]]


@pytest.mark.parametrize("half", ["\\ud800", "\\uDFFF", "x\\ud83d", "\\udc00\\ud800"])
def test_half_of_a_surrogate_pair_is_taken_and_kept(half):
    body = f'{{"a":"{half}","{half}":[1.10,"{half}"]}}'.encode()
    (one,) = cut(body)
    members = text.members(body)

    assert one.raw == body
    assert one.value == json.loads(body) == text.read(body)
    assert [bytes(raw) for raw in members.values()] == [f'"{half}"'.encode(), f'[1.10,"{half}"]'.encode()]
    assert json.loads(bytes(text.join(members))) == one.value
    assert b"1.10" in bytes(text.join(members))
    assert [bytes(raw) for raw in text.elements(list(members.values())[1])] == [b"1.10", f'"{half}"'.encode()]


def test_nul_is_taken():
    assert cut(b'{"a":"\\u0000"}')[0].value == {"a": "\0"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"{",
        b"[{}",
        b"[{},]",
        b"[{} {}]",
        b"[{}]]",
        b"{} {}",
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":.5}',
        b'{"a":"\x01"}',
        b'{"a":"\\x"}',
        b'{"a":"open',
        b'{"a":tru}',
        b'{"a":NaN}',
        b'[{"a":-Infinity}]',
        b'{"a":Infinity}',
        b"\x0c{}",
        "\u00a0{}".encode(),
        b"[" + b'"\\' * 1000,
    ],
)
def test_what_is_not_json_is_refused(body):
    assert fault(body) == ("", "json")


def test_the_place_of_a_mistake_is_told():
    with pytest.raises(Invalid, match="line 2, column 3"):
        cut(b'{"a":\n  }')


@pytest.mark.parametrize("body", [b"3", b'"x"', b"null", b"true", b" 1.5 ", b'"\\ud800"'])
def test_a_body_that_is_neither_object_nor_array_is_refused(body):
    assert fault(body) == ("", "type")


def test_bytes_that_are_not_utf_8_are_refused_with_their_place():
    with pytest.raises(Invalid, match="byte 6 is 0xe9"):
        cut(b'{"a":"\xe9"}')
    assert fault('{"a":1}'.encode("utf-16")) == ("", "utf-8")
    assert fault(b'[{"a":"\xed\xa0\x80"}]') == ("", "utf-8")


def test_a_byte_order_mark_is_refused_by_name():
    with pytest.raises(Invalid, match="byte order mark"):
        cut(b'\xef\xbb\xbf{"a":1}')


@pytest.mark.parametrize("number", [b"1e999", b"-1e400", b"1" * 400, b"1" * 100_000])
def test_a_number_that_no_double_holds_is_refused(number):
    assert fault(b'{"a":%b}' % number) == ("", "number")


def test_more_statements_than_allowed_are_refused():
    assert len(cut(b"[{},{}]", most=2)) == 2
    assert fault(b"[{},{},{}]", most=2) == ("", "batch")
    assert fault(b'[{},{},{"a" :"\\ud800"}]', most=2) == ("", "batch")


# --- depth


def nested(levels: int) -> bytes:
    return b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)


@pytest.mark.parametrize("nesting", [3, 50, 253, 254, 255, 300])
def test_a_statement_may_have_just_so_many_levels(nesting):
    assert cut(nested(nesting), nesting)[0].raw == nested(nesting)
    assert len(cut(b"[{}, %b]" % nested(nesting), nesting)) == 2
    assert fault(nested(nesting + 1), nesting) == ("", "nesting")
    assert fault(b'[{},{"a,b":[1,2,"],["]}, %b]' % nested(nesting + 1), nesting) == ("/2", "nesting")


def test_many_brackets_beside_each_other_are_not_deep():
    body = b'{"a":[%b],"b":"\\"[[[["}' % b",".join([b"{}"] * 500)

    assert cut(body, nesting=3)[0].raw == body


@pytest.mark.parametrize("levels", [5_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]"), (b"[", b"")])
def test_hostile_depth_is_refused_at_once(levels, opening, closing):
    body = opening * levels + b"1" + closing * levels
    began = time.perf_counter()

    assert fault(body, 100)[1] == "nesting"
    assert fault(b'{"a":%b}' % body, 100)[1] == "nesting"
    assert time.perf_counter() - began < 1


# --- keys that stand twice


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (b'{"a":1,"a":2}', ["/a"]),
        (b'{"a":1,"b":2,"a":1,"a":3}', ["/a"]),
        (b'{"a":1,"a":2,"b" :3}', ["/a"]),
        (b'{"a":1,"\\u0061":2}', ["/a"]),
        (b'{"a":1,"a":"\\u003a"}', ["/a"]),
        (b'{"a":1,"a":"\\u003A"}', ["/a"]),
        (b'{"a\\u0022:":1,"a\\":":2}', ['/a":']),
        (b'{"a":":","a":"::"}', ["/a"]),
        (b'{"a":{"x/y":1,"x/y":1},"b~":[0,{"c":1,"c":1}]}', ["/a/x~1y", "/b~0/1/c"]),
        (b'[{"a":1},{"a":{"b":1,"b":2}}]', ["/1/a/b"]),
        (b'{"a":{"lost":1,"lost":2},"a":1}', ["/a"]),
        (b'{"\\ud800":1,"\\ud800":2}', ["/\\ud800"]),
        (b'{"":1,"":2}', ["/"]),
    ],
)
def test_a_key_that_stands_twice_in_an_object_is_refused_by_its_pointer(body, pointers):
    with pytest.raises(Invalid) as refusal:
        cut(body)

    assert [(one.pointer, one.rule) for one in refusal.value.faults] == [
        (pointer, "duplicate-key") for pointer in pointers
    ]


@pytest.mark.parametrize(
    "body",
    [
        b'{"a" : 1, "b"\t:\n2}',
        b'{"a":"\\u0022:","b":"\\":"}',
        b'{"a":"\\u003a\\u003A","b":"\\\\u003a"}',
        b'{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}',
        b'{"a":1,"A":2,"\\u00e4":3,"a\\u0308":4}',
    ],
)
def test_keys_that_only_look_alike_are_taken(body):
    assert cut(body)[0].raw == body
    assert cut(body)[0].value == json.loads(body)


@settings(deadline=None)
@given(objects, spellings, st.booleans(), st.data())
def test_a_key_doubled_anywhere_is_always_noticed(value, spelling, escaped, data):
    spelled = json.dumps(value | {"twice": 1}, ensure_ascii=escaped, **spelling).encode(errors="replace")
    doubled = data.draw(st.sampled_from([b'"twice"', b'"twice" ', b'"\\u0074wice"']))
    body = b"{" + doubled + b':{"x":"\\u003a:"},' + spelled.strip()[1:]

    with pytest.raises(Invalid) as refusal:
        cut(body)
    assert [one.pointer for one in refusal.value.faults] == ["/twice"]


# --- laws


@settings(deadline=None)
@given(st.lists(objects, max_size=4), spellings, st.booleans())
def test_cutting_gives_back_every_byte_and_what_it_means(statements, spelling, escaped):
    texts = [json.dumps(one, ensure_ascii=escaped, **spelling).encode(errors="surrogatepass") for one in statements]
    try:
        b"".join(texts).decode()
    except UnicodeDecodeError:
        assert fault(b"[" + b" , ".join(texts) + b"]") == ("", "utf-8")
        return
    found = cut(b"[" + b" , ".join(texts) + b"]")

    assert [one.raw for one in found] == texts
    assert [one.at for one in found] == [f"/{i}" for i in range(len(texts))]
    assert [_as_doubles(one.value) for one in found] == [_as_doubles(json.loads(one)) for one in texts]
    assert [cut(one)[0].raw for one in texts] == texts


@settings(deadline=None)
@given(objects, spellings)
def test_members_put_together_again_are_the_same_object_in_the_same_order(value, spelling):
    body = json.dumps(value, **spelling).encode()
    members = text.members(body)
    joined = bytes(text.join(members))

    assert list(members) == list(json.loads(body))
    assert text.read_exactly(joined) == text.read_exactly(body)
    assert list(text.members(joined).items()) == [(name, raw) for name, raw in members.items()]


@settings(deadline=None)
@given(st.lists(values, max_size=5), spellings)
def test_elements_put_together_again_are_the_same_array(value, spelling):
    body = json.dumps(value, **spelling).encode()
    elements = text.elements(body)

    assert len(elements) == len(value)
    assert text.read_exactly(text.join_elements(elements)) == text.read_exactly(body)


@settings(deadline=None)
@given(objects.filter(lambda value: "new" not in value), spellings)
def test_adding_members_leaves_the_text_before_them_alone(value, spelling):
    body = json.dumps(value, **spelling).encode()
    longer = text.add(body, b'"new":1.10')

    assert longer.startswith(body[:-1])
    assert json.loads(longer) == json.loads(body) | {"new": 1.1}
    assert text.add(body, b"") == body


@settings(deadline=None)
@given(objects)
def test_what_is_read_can_be_written(value):
    body = json.dumps(value).encode()

    assert _as_doubles(json.loads(bytes(text.write(text.read(body))))) == _as_doubles(value)


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet='{}[],:"\\ud80a0 ', max_size=40).map(str.encode))
def test_any_bytes_are_taken_or_refused_and_nothing_else(body):
    with suppress(Invalid):
        assert all(one.raw in body for one in cut(body, nesting=5, most=3))


def test_numbers_are_read_with_every_digit_where_that_is_asked():
    read: dict[str, Any] = text.read_exactly(b'{"a":0.12345678901234567890123,"b":1e-99999999999999999999}')

    assert str(read["a"]) == "0.12345678901234567890123"
    assert read["b"] == 0


def _as_doubles(value: Any) -> Any:
    """Whole numbers beyond 64 bits are read as doubles."""
    if isinstance(value, dict):
        return {name: _as_doubles(below) for name, below in value.items()}
    if isinstance(value, list):
        return [_as_doubles(below) for below in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return float(value)
    return value

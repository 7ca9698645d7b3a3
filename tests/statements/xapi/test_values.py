"""The data types: what is accepted, what is refused, what it means."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statements.xapi import values

ACCEPTED = {
    "iri": [
        "http://adlnet.gov/expapi/verbs/attended",
        "https://example.com/فعل/خواندن?a=1&b[]=2#x",
        "urn:isbn:9780000000000",
        "tag:example.com,2024:x",
        "a:b",
    ],
    "mailto": [
        "mailto:learner@example.com",
        "mailto:o'brien+lms@mail.example.co.uk",
        "mailto:jane_example.com#EXT#@contoso.onmicrosoft.com",
        "mailto:jürgen@müller.example",
        "mailto:root@localhost",
        "mailto:a@[192.0.2.1]",
    ],
    "uuid": ["AA97B177-9383-4934-8543-0F91A7A02836", "00000000-0000-0000-0000-000000000000"],
    "sha1": ["cd9b00a5611f94eaa7b1661edab976068e364975", "CD9B00A5611F94EAA7B1661EDAB976068E364975"],
    "sha2": ["a" * 56, "0123456789abcdefABCDEF" + "0" * 42, "b" * 96, "c" * 128],
    "media-type": [
        "text/plain",
        "application/vnd.x+json",
        "text/plain; charset=ascii",
        'multipart/mixed ;boundary="a; \\" b"; x=y ;',
    ],
    "language-tag": [
        *("en", "en-US", "EN-us", "es-419", "zh-Hant-TW", "zh-cmn-Hans-CN", "und", "sl-rozaj-biske-1994"),
        *("de-CH-1996", "en-u-ca-gregory-x-u-u", "en-a-bb-b-cc", "x-whatever", "i-klingon", "zh-min-nan", "en-x-a"),
    ],
    "timestamp": [
        *("2015-01-15T09:30:00Z", "2015-01-15T09:30:00.123456789+05:30", "2015-01-15t09:30:00z"),
        *("2015-01-15T09:30:00+00:00", "2015-01-15T09:30:00+0000", "2015-01-15T09:30:00+00"),
        *("2015-01-15T09:30:00-08", "2015-01-15T09:30Z", "2015-01-15T09:30:00", "20150115T093000,5-0800"),
        *("2016-12-31T23:59:60Z", "2024-02-29T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
    ],
    "duration": [
        *("PT4H35M59.14S", "PT16559.14S", "P3Y1M29DT4H35M59.14S", "P3Y", "P4W", "P0D", "PT0S", "PT1H0M0.1S"),
        *("P1.5Y", "PT0,5H", "P1DT12H36M0.12567S", "P1M", "PT1M", "P0.5W"),
    ],
    "version-1": ["1.0", "1.0.0", "1.0.3", "1.0.9", "1.0.10"],
    "version-2": ["1.0", "1.0.9", "2.0", "2.0.0", "2.0.1"],
    "boolean": ["true", "false"],
    "whole-number": ["0", "100", "007"],
}

REFUSED = {
    "iri": [
        *("", "example.com/verb", "/relative", "http:", "1http://a", "http://a b", "http://a\n", "http://a/<x>"),
        *('http://a/"x"', "http://a/{x}", "http://a/x|y", "http://a/x\\y", "http://a/x^y", "http://a/`", "a:\x00"),
        *("http://a/\x85", "http://a/\ud800", ":b", "ä:b"),
    ],
    "mailto": [
        *("", "learner@example.com", "mailto:", "mailto:learner", "mailto:@example.com", "mailto:a@", "mailto:a@b@c"),
        *(
            "mailto:a@b, c@d",
            "mailto:a b@c",
            "mailto:a@b?subject=x",
            "mailto:a@b\n",
            "http://example.com",
            "MAILTO:a@b",
        ),
    ],
    "uuid": [
        *("", "AA97B177-9383-4934-8543-0F91A7A028368", "MA97B177-9383-4934-8543-0F91A7A02836"),
        *("AA97B1779383493485430F91A7A02836", "{AA97B177-9383-4934-8543-0F91A7A02836}"),
        *("AA97B177-9383-4934-8543-0F91A7A02836\n", "AA97B177-9383-4934-8543-0F91A7A0283٣"),
    ],
    "sha1": ["", "cd9b00a5611f94eaa7b1661edab976068e36497", "zd9b00a5611f94eaa7b1661edab976068e364975"],
    "sha2": ["", "a" * 40, "a" * 63, "g" * 64],
    "media-type": ["", "text", "text/", "/plain", "text/plain; charset", "text plain", "text/plain; =x", 'a/b;c="'],
    "language-tag": [
        *("", "e", "en_US", "en-", "-en", "en-US-US", "a12345678", "a12345", "abcdefghi", "en-a", "en--US", "deutsch-"),
        *(
            "en-a-bb-a-cc",
            "en-A-bb-a-cc",
            "de-1996-1996",
            "de-419-DE",
            "a-DE",
            "12",
            "en-x",
            "\u212ao",
            "ë",
            "en\n",
            "en-" + "a" * 300,
        ),
    ],
    "timestamp": [
        *("", "2015-01-15", "01/011/2015", "should fail", "2015-01-15 09:30:00Z", "2015-1-15T09:30:00Z"),
        *("2008-09-15T15:53:00.601-00", "2008-09-15T15:53:00.601-0000", "2008-09-15T15:53:00.601-00:00"),
        *("2015-02-29T00:00:00Z", "2015-13-01T00:00:00Z", "2015-01-15T24:00:00Z", "2015-01-15T09:61:00Z"),
        *("2015-01-15T09:30:00+24:00", "2015-01-15T09:30:00+05:60", "2015-01-15T09:30:00.Z", "2015-01-15T09Z"),
        *("2015-01-15T093000Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:60Z"),
        *("2015-01-15T09:30:00Z\n", "２015-01-15T09:30:00Z", "2015-01-15T09:30:61Z"),
    ],
    "duration": [
        *("", "P", "PT", "P1YT", "T1H", "PA1H0M0S", "P4W1D", "P1Y4W", "PT1.5H3M", "P1.5DT1H", "PT1M1H", "P1H"),
        *("-P1D", "P-1D", "p1d", "PT1S\n", "PT.5S", "PT1.S", "P0003-01-29T04:35:59", "PT" + "9" * 16 + "S", "PT١S"),
    ],
    "version-1": ["", "1", "1.1.0", "0.9.9", "2.0.0", "1.0.", "1.00"],
    "version-2": ["", "1.1.0", "0.9.9", "2.1.0", "3.0.0", "2"],
    "boolean": ["", "True", "1", "yes"],
    "whole-number": ["", "-1", "1.0", "+1", "1e3", "٣", "9" * 19],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in ACCEPTED.items() for text in texts])
def test_a_value_that_follows_its_format_is_accepted(name, text):
    assert values.FORMATS[name].accepts(text)


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in REFUSED.items() for text in texts])
def test_a_value_that_does_not_follow_its_format_is_refused(name, text):
    assert not values.FORMATS[name].accepts(text)


@pytest.mark.parametrize(
    ("accepts", "often"), [(form.accepts, form.often) for form in values.FORMATS.values() if form.often]
)
@given(data=st.data())
def test_what_most_values_look_like_is_accepted(accepts, often, data):
    assert accepts(data.draw(st.from_regex(often, fullmatch=True)))


@pytest.mark.parametrize(("name", "form"), [(name, form) for name, form in values.FORMATS.items() if form.often])
def test_no_value_that_is_refused_looks_like_most_values(name, form):
    assert [text for text in REFUSED[name] if re.fullmatch(form.often, text)] == []


def test_every_format_has_examples_of_both_kinds():
    assert ACCEPTED.keys() == REFUSED.keys() == values.FORMATS.keys()


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2015-01-15T09:30:00Z", datetime(2015, 1, 15, 9, 30, tzinfo=UTC)),
        ("2015-01-15T09:30:00", datetime(2015, 1, 15, 9, 30, tzinfo=UTC)),
        ("2015-01-15T09:30:00.1234567+05:30", datetime(2015, 1, 15, 4, 0, 0, 123456, tzinfo=UTC)),
        ("20150115T2330-0800", datetime(2015, 1, 16, 7, 30, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("20161231T235960.5Z", datetime(2017, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_a_timestamp_is_read_as_an_instant_in_utc(text, instant):
    assert values.timestamp(text) == instant
    assert values.timestamp(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT4H35M59.14S", 16559.14),
        ("P4W", 2_419_200),
        ("P1Y2M3DT4H5M6S", 31_536_000 + 2 * 2_592_000 + 3 * 86_400 + 4 * 3_600 + 5 * 60 + 6),
        ("PT0,5H", 1800),
        ("P1M", 2_592_000),
        ("PT1M", 60),
        ("PT0S", 0),
    ],
)
def test_a_duration_is_read_as_seconds(text, seconds):
    assert values.duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("read", "text"),
    [(values.timestamp, "tomorrow"), (values.duration, "P1"), (values.boolean, "yes"), (values.whole, "one")],
)
def test_a_text_that_cannot_be_read_raises_a_value_error(read, text):
    with pytest.raises(ValueError, match=text):
        read(text)


def test_parameters_are_read_as_what_they_mean():
    assert values.boolean("true") is True
    assert values.boolean("false") is False
    assert values.whole("100") == 100


OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(datetime(1000, 1, 1), datetime(3000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(INSTANTS, OFFSETS)
def test_every_instant_that_python_writes_is_read_back(instant, offset):
    assert values.timestamp(instant.astimezone(offset).isoformat()) == instant


@given(st.uuids().map(str))
def test_every_uuid_is_one(text):
    assert values.is_uuid(text)
    assert values.is_uuid(text.upper())

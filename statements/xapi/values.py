"""The special data types of statements: what each looks like, and what it means (xAPI 1.0.3 Data 4.0).

FORMATS is the table that both schema engines and the checks of query parameters use.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

_SECOND = timedelta(seconds=1)

# --- Syntax. These are understood alike by Python's regular expressions and by those of Rust: no \d, \w, \s
# (they differ in what they take from Unicode), no anchors, no look-around.

# The characters that RFC 3987 leaves out everywhere in an IRI. Whether "[" or "%" stand where they may is not
# asked: many systems that name their courses by address get it wrong, and an identifier is only ever compared.
_IRI = r'[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20\x7f-\x9f<>"{}|\\^`]+'
# "#" and "/" are in addresses that directories make for guests (name_company.com#EXT#@tenant.onmicrosoft.com).
_MAILBOX = r'[^\x00-\x20\x7f-\x9f@<>()\[\]\\,;:"]+'
# Of the punctuation only "-", "." and "_": so a mailto: with a subject or with two addresses is none.
_DOMAIN = r"[^\x00-\x20\x7f-\x9f!-,/:-@\[-^`{-~]+"
_MAILTO = rf"mailto:{_MAILBOX}@(?:{_DOMAIN}|\[[0-9A-Fa-f:.]+\])"
_UUID = r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
_SHA1 = r"[0-9A-Fa-f]{40}"
# SHA-224, SHA-256, SHA-384 and SHA-512.
_SHA2 = r"(?:[0-9A-Fa-f]{56}|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{96}|[0-9A-Fa-f]{128})"
_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_MEDIA_TYPE = rf'{_NAME}/{_NAME}[ \t]*(?:;[ \t]*(?:{_NAME}=(?:{_NAME}|"(?:[^"\\\x00-\x1f]|\\[^\x00-\x1f])*")[ \t]*)?)*'
# "1.0" and everything that begins with "1.0." is to be taken (Data 2.4.10); a 2.0 LRS takes those as well.
_VERSION_1 = r"1\.0(?:\.[0-9A-Za-z.+-]+)?"
_VERSION_2 = r"[12]\.0(?:\.[0-9A-Za-z.+-]+)?"

_TIMESTAMP = re.compile(
    r"""(?: [0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}(?::(?P<second>[0-9]{2})(?:[.,][0-9]+)?)?
          | [0-9]{8}[Tt][0-9]{4}(?:(?P<basic_second>[0-9]{2})(?:[.,][0-9]+)?)? )
        (?P<offset>[Zz]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)?""",
    re.VERBOSE,
)
_NO_OFFSET = {"-00", "-0000", "-00:00"}

# Fifteen digits before the point: 30 million years in seconds, and still exact in a float.
_WHOLE = "[0-9]{1,15}"
_DECIMAL = r"[0-9]{1,15}(?:[.,][0-9]+)?"
# Weeks stand alone, at least one number is there, and only the last one may have a fraction.
_DURATION = (
    rf"P(?:{_DECIMAL}W|{_DECIMAL}Y|(?:{_WHOLE}Y)?{_DECIMAL}M|(?:{_WHOLE}Y)?(?:{_WHOLE}M)?{_DECIMAL}D"
    rf"|(?:{_WHOLE}Y)?(?:{_WHOLE}M)?(?:{_WHOLE}D)?"
    rf"T(?:{_DECIMAL}H|(?:{_WHOLE}H)?{_DECIMAL}M|(?:{_WHOLE}H)?(?:{_WHOLE}M)?{_DECIMAL}S))"
)
_DURATION_PART = re.compile(rf"({_DECIMAL})([WYMDHS])")
# Nominal lengths: a year of 365 days, a month of 30. The text stays as it was sent; this is for sums.
_DATE_SECONDS = {"W": 604_800, "Y": 31_536_000, "M": 2_592_000, "D": 86_400}
_TIME_SECONDS = {"H": 3_600, "M": 60, "S": 1}

_LANGUAGE = re.compile(
    r"""(?: (?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})                     # language, extended language
            (?:-[a-z]{4})?                                                  # script
            (?:-(?:[a-z]{2}|[0-9]{3}))?                                     # region
            (?P<variants>(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)
            (?P<extensions>(?:-[0-9a-wyz](?:-[a-z0-9]{2,8})+)*)
            (?:-x(?:-[a-z0-9]{1,8})+)?
        | x(?:-[a-z0-9]{1,8})+ )""",
    re.VERBOSE,
)
# The longest that can be useful has 35 characters (RFC 5646 4.4.1); the bound keeps the cache of answers small.
_LONGEST_LANGUAGE_TAG = 255
# Tags that were registered before the grammar and do not follow it (RFC 5646 2.2.8).
_IRREGULAR = frozenset(
    {"en-gb-oed", "i-ami", "i-bnn", "i-default", "i-enochian", "i-hak", "i-klingon", "i-lux", "i-mingo"}
    | {"i-navajo", "i-pwn", "i-tao", "i-tay", "i-tsu", "sgn-be-fr", "sgn-be-nl", "sgn-ch-de", "art-lojban"}
    | {"cel-gaulish", "no-bok", "no-nyn", "zh-guoyu", "zh-hakka", "zh-min", "zh-min-nan", "zh-xiang"}
)


def _matches(pattern: str) -> Callable[[str], bool]:
    """A predicate: the whole text follows the pattern and could be written in UTF-8."""
    fullmatch = re.compile(pattern).fullmatch

    def accepts(text: str) -> bool:
        return fullmatch(text) is not None and _is_encodable(text)

    return accepts


def _reads(parse: Callable[[str], object]) -> Callable[[str], bool]:
    """A predicate: the parser does not refuse the text."""

    def accepts(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return accepts


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


is_iri = _matches(_IRI)
is_mailto = _matches(_MAILTO)
is_uuid = _matches(_UUID)
is_sha1 = _matches(_SHA1)
is_sha2 = _matches(_SHA2)
is_media_type = _matches(_MEDIA_TYPE)
is_duration = _matches(_DURATION)


def is_language_tag(text: str) -> bool:
    """Whether a text is a well-formed language tag (RFC 5646 2.1), each variant and singleton in it only once.

    Whether its parts are registered is not asked: the registry grows, and statements are for good.
    """
    return len(text) <= _LONGEST_LANGUAGE_TAG and _is_well_formed_language(text)


@lru_cache(maxsize=4096)
def _is_well_formed_language(text: str) -> bool:
    # Checked before the case is changed: the Kelvin sign has a "k" as its lower case.
    if not text.isascii():
        return False
    tag = text.lower()
    found = _LANGUAGE.fullmatch(tag)
    if found is None:
        return tag in _IRREGULAR
    variants = (found["variants"] or "").split("-")[1:]
    singletons = [part for part in (found["extensions"] or "").split("-") if len(part) == 1]
    return len(set(variants)) == len(variants) and len(set(singletons)) == len(singletons)


def timestamp(text: str) -> datetime:
    """The instant that an ISO 8601 date and time names, in UTC, cut to microseconds (Data 4.5, RFC 3339).

    Extended or basic format; without an offset it is taken as UTC. Raises ValueError where it is neither, where
    there is no such day, or where the offset is -00:00, which says that the offset is not known.
    """
    found = _TIMESTAMP.fullmatch(text)
    if found is None or found["offset"] in _NO_OFFSET:
        raise ValueError(f"{text!r} is not a timestamp")
    leap = found["second"] == "60" or found["basic_second"] == "60"
    given = datetime.fromisoformat(_without_leap_second(found) if leap else text.upper())
    if given.tzinfo is None:
        given = given.replace(tzinfo=UTC)
    try:
        return given.astimezone(UTC) + _SECOND if leap else given.astimezone(UTC)
    except OverflowError as beyond:
        raise ValueError(f"{text!r} is outside the years 1 to 9999 in UTC") from beyond


def _without_leap_second(found: re.Match[str]) -> str:
    group = "second" if found["second"] else "basic_second"
    text = found.string.upper()
    return text[: found.start(group)] + "59" + text[found.end(group) :]


is_timestamp = _reads(timestamp)


@lru_cache(maxsize=4096)
def duration(text: str) -> float:
    """The seconds of an ISO 8601 duration, a year being 365 days and a month 30 (Data 4.6).

    Raises ValueError where it is none.
    """
    if not is_duration(text):
        raise ValueError(f"{text!r} is not a duration")
    date, _, time = text.partition("T")
    return _seconds(date, _DATE_SECONDS) + _seconds(time, _TIME_SECONDS)


def _seconds(part: str, units: Mapping[str, int]) -> float:
    return sum(float(number.replace(",", ".")) * units[unit] for number, unit in _DURATION_PART.findall(part))


def boolean(text: str) -> bool:
    """The value of a query parameter that is `true` or `false`; raises ValueError for anything else."""
    if text not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text == "true"


def whole(text: str) -> int:
    """The value of a query parameter that is a whole number of at most 18 digits, 0 or more; else ValueError."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


class Format(NamedTuple):
    """A data type: what accepts it, its syntax where a pattern says all of it, and how a refusal ends.

    Where none does, `often` is the syntax of most of what is accepted, and of nothing else.
    """

    accepts: Callable[[str], bool]
    pattern: str | None
    problem: str
    often: str | None = None


FORMATS: Mapping[str, Format] = {
    "iri": Format(is_iri, _IRI, 'is not an absolute IRI (a scheme, a colon, and no blanks or <>"{}|\\^`)'),
    "mailto": Format(is_mailto, _MAILTO, "is not a mailto: IRI"),
    "uuid": Format(is_uuid, _UUID, "is not a UUID in its standard form (8-4-4-4-12 hexadecimal digits)"),
    "sha1": Format(is_sha1, _SHA1, "is not a SHA-1 sum in 40 hexadecimal digits"),
    "sha2": Format(is_sha2, _SHA2, "is not a SHA-2 sum in hexadecimal digits (64 of them for SHA-256)"),
    "media-type": Format(is_media_type, _MEDIA_TYPE, "is not an Internet media type such as text/plain"),
    "language-tag": Format(
        is_language_tag, None, "is not a language tag (RFC 5646) such as en-US", "[A-Za-z]{2,3}(?:-[A-Za-z]{2})?"
    ),
    "timestamp": Format(
        is_timestamp,
        None,
        "is not an ISO 8601 date and time such as 2025-01-15T09:30:00Z (an offset of -00:00 is none)",
        # On the days that every month has.
        "[1-9][0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
        "T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]+)?Z",
    ),
    "duration": Format(is_duration, _DURATION, "is not an ISO 8601 duration such as PT1H30M or P4W"),
    "version-1": Format(_matches(_VERSION_1), _VERSION_1, "is not a version this statement may have (1.0.x)"),
    "version-2": Format(_matches(_VERSION_2), _VERSION_2, "is not a version this statement may have (1.0.x or 2.0.x)"),
    "boolean": Format(_reads(boolean), None, "is neither true nor false"),
    "whole-number": Format(_reads(whole), None, "is not a whole number, 0 or more"),
}

"""Which requests may replace, change or delete which version of a document; without a database."""

import pytest

from lrs.documents import concurrency
from lrs.documents.concurrency import Conditions
from lrs.documents.context import Kind
from lrs.errors import DocumentConflict, PreconditionFailed
from statements.errors import Invalid
from statements.xapi.versions import Version

NOW = concurrency.etag(b'{"a":1}')
OLD = concurrency.etag(b"{}")
NEITHER = Conditions(None, None)
PROFILES = (Kind.ACTIVITY_PROFILE, Kind.AGENT_PROFILE)


def test_an_etag_is_the_sha1_of_the_content_in_lower_case():
    assert concurrency.etag(b"abc") == "a9993e364706816aba3e25717850c26c9cd0d89d"


@pytest.mark.parametrize(
    ("kind", "version", "current", "refusal"),
    [
        *((kind, Version.V1, NOW, DocumentConflict) for kind in PROFILES),
        *((kind, Version.V1, None, Invalid) for kind in PROFILES),
        (Kind.STATE, Version.V1, NOW, None),
        (Kind.STATE, Version.V1, None, None),
        *((kind, Version.V2, NOW, DocumentConflict) for kind in Kind),
        *((kind, Version.V2, None, None) for kind in Kind),
    ],
)
def test_a_put_without_conditions_is_judged_by_resource_and_version(kind, version, current, refusal):
    if refusal is None:
        concurrency.check_put(kind, version, NEITHER, current)
    else:
        with pytest.raises(refusal):
            concurrency.check_put(kind, version, NEITHER, current)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize(
    ("conditions", "current", "holds"),
    [
        (Conditions(f'"{NOW}"', None), NOW, True),
        (Conditions(f'"{OLD}"', None), NOW, False),
        (Conditions(f'"{OLD}"', None), None, False),
        (Conditions("*", None), NOW, True),
        (Conditions("*", None), None, False),
        (Conditions(None, "*"), None, True),
        (Conditions(None, "*"), NOW, False),
        (Conditions(None, f'"{OLD}"'), NOW, True),
        (Conditions(None, f'"{NOW}"'), NOW, False),
        (Conditions(f'"{NOW}"', f'"{NOW}"'), NOW, False),
        (Conditions("", None), NOW, False),
    ],
)
def test_stated_conditions_hold_or_fail_alike_everywhere(kind, version, conditions, current, holds):
    if holds:
        concurrency.check(conditions, current)
        concurrency.check_put(kind, version, conditions, current)
    else:
        with pytest.raises(PreconditionFailed):
            concurrency.check(conditions, current)
        with pytest.raises(PreconditionFailed):
            concurrency.check_put(kind, version, conditions, current)


@pytest.mark.parametrize(
    "header", [f'"{NOW}"', NOW, f'W/"{NOW}"', f'"{NOW.upper()}"', f'"{OLD}", "{NOW}"', f'"{OLD}" ,W/"{NOW}"', "*"]
)
def test_a_tag_is_recognised_however_it_came_back(header):
    assert concurrency.names(header, NOW)


def test_a_conflict_tells_the_etag_to_send():
    with pytest.raises(DocumentConflict, match=NOW):
        concurrency.check_put(Kind.STATE, Version.V2, NEITHER, NOW)

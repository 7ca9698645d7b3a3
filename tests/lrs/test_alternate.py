"""The alternate request syntax, for what old browsers cannot say otherwise (xAPI 1.0.3 Communication 1.3)."""

import pytest

from lrs import alternate
from statements.errors import Invalid

STATEMENT_ID = "6690e6c9-3ef0-4ed3-8b37-7f3964730bee"


def rules(problem: pytest.ExceptionInfo[Invalid]) -> list[str]:
    return [fault.rule for fault in problem.value.faults]


def test_a_form_becomes_the_request_that_it_stands_for():
    form = {
        "statementId": STATEMENT_ID,
        "content": '{"actor": "é"}',
        "Authorization": "Basic abc",
        "X-Experience-API-Version": "1.0.3",
        "content-type": "application/json",
        "Content-Length": "14",
        "If-Match": '"abc"',
    }

    request = alternate.unwrap("POST", {"method": "PUT"}, form, None)

    assert request == alternate.Unwrapped(
        method="PUT",
        query={"statementId": STATEMENT_ID},
        headers={
            "Authorization": "Basic abc",
            "X-Experience-API-Version": "1.0.3",
            "Content-Type": "application/json",
            "If-Match": '"abc"',
        },
        body='{"actor": "é"}'.encode(),
    )


def test_a_request_that_needs_no_version_is_unwrapped_without_one():
    assert alternate.unwrap("POST", {"method": "GET"}, {}, None) == alternate.Unwrapped("GET", {}, {}, b"")


def test_a_get_has_its_parameters_in_the_form_and_no_content():
    request = alternate.unwrap("POST", {"method": "GET"}, {"limit": "1", "verb": "http://verb/x"}, "1.0.3")

    assert request == alternate.Unwrapped("GET", {"limit": "1", "verb": "http://verb/x"}, {}, b"")


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_request_that_has_a_body_needs_the_field_content(method):
    with pytest.raises(Invalid) as problem:
        alternate.unwrap("POST", {"method": method}, {"statementId": STATEMENT_ID}, "1.0.3")

    assert rules(problem) == ["alternate-content"]


def test_an_empty_document_is_a_body_too():
    assert alternate.unwrap("POST", {"method": "PUT"}, {"content": ""}, "1.0.3").body == b""


def test_a_put_that_has_the_parameter_method_is_refused():
    with pytest.raises(Invalid) as problem:
        alternate.unwrap("PUT", {"method": "POST"}, {"content": "{}"}, "1.0.3")

    assert rules(problem) == ["alternate-post"]


def test_other_parameters_in_the_address_are_refused_by_name():
    query = {"method": "PUT", "statementId": STATEMENT_ID}

    with pytest.raises(Invalid) as problem:
        alternate.unwrap("POST", query, {"statementId": STATEMENT_ID, "content": "{}"}, "1.0.3")

    assert problem.value.faults[0].pointer == "?statementId"
    assert rules(problem) == ["alternate-query"]


@pytest.mark.parametrize("method", ["", "put", "PATCH", "TRACE", "PUT "])
def test_a_method_that_xapi_does_not_have_is_refused(method):
    with pytest.raises(Invalid) as problem:
        alternate.unwrap("POST", {"method": method}, {"content": "{}"}, "1.0.3")

    assert rules(problem) == ["alternate-method"]


def test_the_version_in_the_form_goes_before_the_one_in_the_header():
    with pytest.raises(Invalid) as problem:
        alternate.unwrap("POST", {"method": "PUT"}, {"content": "{}", "X-Experience-API-Version": "0.8"}, "1.0.3")

    assert rules(problem) == ["version"]


VERSION_2 = {"x-experience-api-version": "2.0.0"}


@pytest.mark.parametrize(("form", "header"), [({}, "2.0.0"), (VERSION_2, "1.0.3"), (VERSION_2, None)])
def test_version_2_no_longer_has_this_syntax(form, header):
    with pytest.raises(Invalid) as problem:
        alternate.unwrap("POST", {"method": "PUT"}, {"content": "{}", **form}, header)

    assert rules(problem) == ["alternate-version"]


def test_a_line_break_cannot_be_smuggled_into_a_header():
    with pytest.raises(Invalid) as problem:
        alternate.unwrap("POST", {"method": "GET"}, {"Content-Type": "text/html\r\nX-Evil: 1"}, "1.0.3")

    assert problem.value.faults[0].pointer == "Content-Type"
    assert rules(problem) == ["alternate-header"]


def test_every_fault_is_named_at_once():
    with pytest.raises(Invalid) as problem:
        alternate.unwrap("PUT", {"method": "POST", "limit": "1", "ascending": "true"}, {}, "1.0.3")

    assert rules(problem) == ["alternate-post", "alternate-query", "alternate-query", "alternate-content"]

"""The OpenAPI document says what the API does, its page needs no Internet, and nothing that it allows is a 500."""

import json
import re

import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core import NotSet
from schemathesis.core.result import Ok

from lrs.reports import columns
from tests.lrs.reports.conftest import reader_of


def document(demo):
    answer = demo.api.get("/api/schema")
    assert answer.status_code == 200
    return yaml.safe_load(answer.content)


def test_the_document_is_openapi_3_1_and_has_every_report(demo):
    found = document(demo)
    assert found["openapi"].startswith("3.1")
    reports = {path for path, methods in found["paths"].items() if methods.get("get", {}).get("tags") == ["reports"]}
    paths = {path.removeprefix("/api/v1/") for path in reports}
    assert paths == {*columns.REPORTS, "changes", "people/{person}/timeline"}
    for name, path in ((name, found["paths"][f"/api/v1/{name}"]) for name in columns.REPORTS):
        rows = path["get"]["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["results"]
        assert list(rows["items"]["properties"]) == [column.name for column in columns.REPORTS[name]]


def test_the_page_loads_nothing_from_elsewhere(demo):
    page = demo.api.get("/api/docs").content.decode()
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert addresses
    assert all(address.startswith("/") for address in addresses), addresses
    script = next(address for address in addresses if address.endswith("swagger-ui-bundle.js"))
    file = demo.api.get(script)
    assert file.status_code == 200
    file.close()


def test_people_see_the_browsable_api(demo):
    page = demo.api.get("/api/v1/progress?limit=1", headers={"Accept": "text/html"})
    assert page.headers["Content-Type"].startswith("text/html")
    assert b"Where everybody stands" in page.content


def test_nothing_that_the_document_allows_or_forbids_is_a_500(demo):
    schema = schemathesis.openapi.from_dict(document(demo))
    owner = reader_of(demo.name, "all").api
    cases = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(cases) == len(list(schema.get_all_operations()))
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    strategies = [operation.as_strategy(generation_mode=mode) for operation in cases for mode in modes]

    @given(st.one_of(strategies))
    @settings(
        max_examples=250, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    def check(case):
        query = {name: value for name, value in (case.query or {}).items() if name != "wait"}
        given = b"" if isinstance(case.body, NotSet) else json.dumps(case.body, default=str).encode()
        answer = owner.generic(case.method, case.formatted_path, given, "application/json", query_params=query)
        assert answer.status_code < 500, (case.formatted_path, query, answer.content)
        if answer.streaming:
            b"".join(answer.streaming_content)

    check()

import json
from pathlib import Path

import httpx
import jsonschema

PAYLOADS = Path(__file__).parents[1] / "payloads" / "udemy"


def test_a_vendor_checks_with_the_published_schema_before_it_sends(lrs_url):
    answer = httpx.get(f"{lrs_url}/profiles/udemy/schema.json")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/schema+json"
    schema = answer.json()
    assert schema["$id"].endswith("/profiles/udemy/schema.json")
    checker = jsonschema.Draft202012Validator(schema)
    assert checker.is_valid(json.loads((PAYLOADS / "course_progressed.json").read_text()))
    assert not checker.is_valid(json.loads((PAYLOADS / "progressed_completion_true.json").read_text()))


def test_an_unknown_profile_is_404(lrs_url):
    assert httpx.get(f"{lrs_url}/profiles/unknown/schema.json").status_code == 404

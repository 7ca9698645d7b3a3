"""What the README says is tried as it is printed."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from config import settings
from tests.printed import documents

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def section(title):
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found
    return found.group(1)


def test_the_first_statement_is_sent_as_the_readme_says(lrs_url):
    script = "\n".join(re.findall(r"```sh\n(.*?)```", section("Send the first statement"), re.DOTALL))
    script = script.replace("http://localhost:8000", lrs_url)
    script = script.replace(".venv/bin/python", shlex.quote(sys.executable))
    done = subprocess.run(["bash", "-e"], input=script, capture_output=True, text=True, cwd=ROOT, env={**os.environ})
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    answers = done.stdout.partition("The secret is not shown again.\n")[2]
    first, second, one, page, next_page, voiding, voided = documents(answers)
    ids = ["5a6f2f0e-1a54-4f0c-8a3e-1d2b3c4d5e01", "5a6f2f0e-1a54-4f0c-8a3e-1d2b3c4d5e02"]
    assert [*first, *second] == ids
    assert one["id"] == ids[0]
    assert one["result"]["score"]["scaled"] == 0.25
    assert [statement["id"] for statement in page["statements"]] == ids[1:]
    assert [statement["id"] for statement in next_page["statements"]] == ids[:1]
    assert len(voiding) == 1
    assert voided["id"] == ids[0]


def test_every_setting_is_in_the_readme_and_nothing_else_is():
    described = re.findall(r"`([A-Z_]+)`", "".join(re.findall(r"^\| (`[A-Z].*?)\|", section("Settings"), re.MULTILINE)))
    assert sorted(described) == sorted(settings.env.asked)

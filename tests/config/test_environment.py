import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from config.environment import Environment

HOLD = {
    "LRS_MAX_BATCH": ("count", "abc", "LRS_MAX_BATCH must be a whole number above 0, not 'abc'"),
    "LRS_MAX_NESTING": ("count", "0", "LRS_MAX_NESTING must be a whole number above 0, not '0'"),
    "LRS_MAX_BODY": ("size", "big", "LRS_MAX_BODY must be a number of bytes above 0, such as 33554432 or 32M"),
    "LRS_PUBLIC_URL": ("address", "lrs.example.com", "LRS_PUBLIC_URL must be an address such as https://lrs"),
    "LRS_CORS_ORIGINS": ("origins", "https://a.example/b", "LRS_CORS_ORIGINS must be *, or origins such as"),
}
DEFAULTS = {"count": 1, "size": 1, "address": "http://localhost", "origins": ("*",)}


@pytest.mark.parametrize(("name", "kind", "value", "sentence"), [(name, *rest) for name, rest in HOLD.items()])
def test_a_wrong_value_is_refused_with_its_name_and_what_it_must_be(name, kind, value, sentence):
    env = Environment({name: value})
    getattr(env, kind)(name, DEFAULTS[kind])
    with pytest.raises(SystemExit, match=r".") as stopped:
        env.stop_if_wrong()
    assert str(stopped.value).startswith(sentence)


def test_every_wrong_value_is_named_in_one_start():
    env = Environment({"LRS_A": "x", "LRS_B": "maybe", "LRS_C": "loud"})
    assert env.count("LRS_A", 3) == 3
    assert env.flag("LRS_B") is False
    assert env.choice("LRS_C", "INFO", ("INFO", "ERROR")) == "INFO"
    assert env.faults == [
        "LRS_A must be a whole number above 0, not 'x'",
        "LRS_B must be yes or no, not 'maybe'",
        "LRS_C must be one of INFO, ERROR, not 'loud'",
    ]


def test_right_values_are_read_with_their_type():
    env = Environment({"A": "7", "B": "2K", "C": "Yes", "D": "a, b", "E": "https://lrs.example.com/", "F": "error"})
    assert env.count("A", 1) == 7
    assert env.size("B", 1) == 2048
    assert env.flag("C") is True
    assert env.words("D") == ["a", "b"]
    assert env.address("E", "http://localhost") == "https://lrs.example.com"
    assert env.choice("F", "INFO", ("INFO", "ERROR")) == "ERROR"
    env.stop_if_wrong()


def test_a_name_that_is_nearly_a_setting_is_asked_about():
    env = Environment({"LRS_MAX_BATCHES": "5", "LRS_PORT_8000_TCP": "tcp://10.0.0.1:8000"})
    env.count("LRS_MAX_BATCH", 5000)
    with pytest.raises(SystemExit, match=r"^LRS_MAX_BATCHES is not a setting; did you mean LRS_MAX_BATCH\?$"):
        env.stop_if_wrong()


@pytest.mark.parametrize("url", ["mysql://a:hidden@b/c", "sqlite://", "postgresql://a:hidden@b:port/c", "nonsense"])
def test_a_database_that_is_not_supported_is_refused_without_showing_its_password(url):
    env = Environment({"DATABASE_URL": url})
    env.database("DATABASE_URL", "sqlite:////tmp/x")
    assert env.faults[0].startswith("DATABASE_URL must be sqlite:///FILE or postgresql://")
    assert "hidden" not in env.faults[0]


def test_a_secret_that_is_not_given_is_made_once_and_only_its_owner_reads_it(tmp_path):
    kept_in = tmp_path / "secret-key"
    first = Environment({}).secret("LRS_SECRET_KEY", kept_in)
    assert len(first) >= 50
    assert Environment({}).secret("LRS_SECRET_KEY", kept_in) == first
    assert stat.S_IMODE(kept_in.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret-key"]


def test_a_short_secret_is_refused(tmp_path):
    env = Environment({"LRS_SECRET_KEY": "short"})
    env.secret("LRS_SECRET_KEY", tmp_path / "unused")
    assert env.faults == ["LRS_SECRET_KEY must be at least 32 characters long, not '5 characters'"]


def test_a_wrong_setting_stops_a_command_with_a_sentence_and_no_trace(tmp_path):
    stopped = _started(LRS_DATA_DIR=str(tmp_path), LRS_MAX_BATCH="abc")
    assert stopped.returncode == 1
    assert stopped.stderr == "LRS_MAX_BATCH must be a whole number above 0, not 'abc'\n"


def _started(**environment):
    command = [sys.executable, str(Path(__file__).parents[2] / "manage.py"), "start"]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)


@pytest.mark.parametrize("in_the_way", ["data", "data/uploads"])
def test_a_data_folder_that_cannot_be_used_is_said_in_one_sentence(tmp_path, in_the_way):
    (tmp_path / in_the_way).parent.mkdir(exist_ok=True)
    (tmp_path / in_the_way).touch()
    stopped = _started(LRS_DATA_DIR=f"{tmp_path}/data")
    assert stopped.returncode == 1
    assert stopped.stderr == (
        f"LRS_DATA_DIR must be a folder that can be written (File exists), not '{tmp_path}/data'\n"
    )

"""Settings from environment variables: read with their type, refused in one sentence each where wrong."""

import difflib
import secrets
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, parse_qsl, urlsplit

import environ

T = TypeVar("T")

_YES_NO = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
_SIZES = {"K": 2**10, "M": 2**20, "G": 2**30}
_POSTGRESQL = {"postgres", "postgresql", "pgsql", "psql"}


class Environment:
    """Reads settings and gathers what is wrong with them, so that one start shows every mistake.

    A wrong value is read as its default, so that what comes after it is checked as well; then `stop_if_wrong`
    ends the start.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.asked: set[str] = set()
        self.faults: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        """The value as it is; an empty one counts as absent."""
        self.asked.add(name)
        return self._variables.get(name, "").strip() or default

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Yes or no."""
        value = self.text(name)
        if not value:
            return default
        if value.lower() not in _YES_NO:
            return self._wrong(name, "yes or no", value, default)
        return _YES_NO[value.lower()]

    def count(self, name: str, default: int, *, least: int = 1) -> int:
        """A whole number of `least` or more."""
        value = self.text(name)
        if not value:
            return default
        if not value.isascii() or not value.isdecimal() or int(value) < least:
            return self._wrong(name, f"a whole number above {least - 1}", value, default)
        return int(value)

    def size(self, name: str, default: int) -> int:
        """A number of bytes above 0; `K`, `M` and `G` after the number stand for the powers of 1024."""
        value = self.text(name)
        if not value:
            return default
        factor = _SIZES.get(value[-1].upper(), 1)
        digits = value if factor == 1 else value[:-1]
        if not digits.isascii() or not digits.isdecimal() or int(digits) == 0:
            return self._wrong(name, "a number of bytes above 0, such as 33554432 or 32M", value, default)
        return int(digits) * factor

    def words(self, name: str, default: tuple[str, ...] = ()) -> list[str]:
        """Words separated by commas."""
        return [word.strip() for word in self.text(name).split(",") if word.strip()] or list(default)

    def pairs(self, name: str) -> dict[str, str]:
        """`name=value` pairs separated by commas."""
        found = [word.partition("=") for word in self.words(name)]
        if not all(key.strip() and value.strip() for key, _, value in found):
            return self._wrong(name, "pairs such as a=b,c=d", self.text(name), {})
        return {key.strip(): value.strip() for key, _, value in found}

    def mail(self, name: str) -> dict[str, Any]:
        """Django's settings for a mail server, from smtp://USER:PASSWORD@HOST:PORT (smtp+tls, smtp+ssl)."""
        value = self.text(name)
        try:
            return dict(environ.Env.email_url_config(value)) if value else {}
        except (ValueError, KeyError):
            # The address is not repeated: it may hold a password.
            return self._wrong(name, "smtp+tls://USER:PASSWORD@HOST:PORT", value.partition(":")[0] + ":...", {})

    def choice(self, name: str, default: str, among: tuple[str, ...]) -> str:
        """One of the words, in any case."""
        value = self.text(name)
        if not value:
            return default
        found = {word.lower(): word for word in among}.get(value.lower())
        return self._wrong(name, f"one of {', '.join(among)}", value, default) if found is None else found

    def address(self, name: str, default: str) -> str:
        """The http or https address of a site, without the slash at its end."""
        value = self.text(name, default)
        if not _is_site(value):
            return self._wrong(name, "an address such as https://lrs.example.com", value, default)
        return value.rstrip("/")

    def origins(self, name: str, default: tuple[str, ...]) -> list[str]:
        """`*`, or origins such as https://lms.example.com separated by commas."""
        origins = self.words(name, default)
        if origins != ["*"] and any(not _is_site(origin) or urlsplit(origin).path for origin in origins):
            wanted = "*, or origins such as https://lms.example.com separated by commas"
            return self._wrong(name, wanted, ",".join(origins), list(default))
        return origins

    def folder(self, name: str, default: Path) -> Path:
        """A folder, which is made where it does not exist: for this user alone, who keeps people's records in it."""
        folder = Path(self.text(name, str(default))).expanduser().absolute()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as problem:
            wanted = f"a folder that can be written ({problem.strerror})"
            return self._wrong(name, wanted, str(folder), default)
        return folder

    def subfolder(self, name: str, folder: Path, below: str) -> Path:
        """A folder in the one that the setting names, which is made where it does not exist."""
        made = folder / below
        try:
            # One that could not be made is named already.
            if folder.is_dir():
                made.mkdir(exist_ok=True)
        except OSError as problem:
            return self._wrong(name, f"a folder that can be written ({problem.strerror})", str(folder), made)
        return made

    def database(self, name: str, default: str) -> dict[str, Any]:
        """Django's description of a SQLite or PostgreSQL database, from an address."""
        value = self.text(name, default)
        described = _database(value)
        if described is not None:
            return described
        # The address is not repeated: it may hold a password.
        wanted = "sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/NAME"
        return self._wrong(name, wanted, value.partition(":")[0] + ":...", _database(default) or {})

    def bucket(self, name: str) -> dict[str, Any] | None:
        """Options of an S3 storage from s3://BUCKET/PREFIX?endpoint_url=..., or None where nothing is set."""
        value = self.text(name)
        if not value:
            return None
        parts: SplitResult = urlsplit(value)
        if parts.scheme != "s3" or not parts.netloc:
            return self._wrong(name, "s3://BUCKET/PREFIX", value, None)
        if not all(map(find_spec, ("storages", "boto3"))):
            self.faults.append(f"{name} names an S3 bucket; install what reads it: pip install -e '.[s3]'")
            return None
        options = dict(parse_qsl(parts.query))
        return {"bucket_name": parts.netloc, "location": parts.path.strip("/"), **options}

    def secret(self, name: str, kept_in: Path, *, least: int = 32) -> str:
        """A secret of at least `least` characters: the variable, else the file's, which is made once."""
        value = self.text(name)
        if not value:
            return self._kept_secret(name, kept_in)
        if len(value) < least:
            return self._wrong(name, f"at least {least} characters long", f"{len(value)} characters", value)
        return value

    def stop_if_wrong(self) -> None:
        """End the process with one sentence for each mistake, on stderr."""
        asked = sorted(self.asked)
        for name in sorted(self._variables.keys() - self.asked):
            meant = difflib.get_close_matches(name, asked, n=1, cutoff=0.9) if name.startswith("LRS_") else []
            if meant:
                self.faults.append(f"{name} is not a setting; did you mean {meant[0]}?")
        if self.faults:
            raise SystemExit("\n".join(self.faults))

    def _wrong(self, name: str, wanted: str, value: str, default: T) -> T:
        self.faults.append(f"{name} must be {wanted}, not {value!r}")
        return default

    def _kept_secret(self, name: str, kept_in: Path) -> str:
        if not kept_in.parent.is_dir():
            # The folder could not be made, which is named already.
            return "unset"
        try:
            if not kept_in.exists():
                _write_once(kept_in, secrets.token_urlsafe(48))
            return kept_in.read_text().strip()
        except OSError as problem:
            self.faults.append(f"{name} is not set, and none can be kept in {kept_in}: {problem.strerror}")
            return "unset"


def _is_site(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not (parts.query or parts.fragment)


def _database(address: str) -> dict[str, Any] | None:
    try:
        if urlsplit(address).scheme not in {"sqlite", *_POSTGRESQL}:
            return None
        described: dict[str, Any] = dict(environ.Env.db_url_config(address))
    except ValueError:
        return None
    return None if described["NAME"] in ("", ":memory:") else described


def _write_once(file: Path, text: str) -> None:
    # Several processes may start at once: each writes its own, and the first to link it in wins.
    own = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    own.touch(mode=0o600)
    own.write_text(text)
    try:
        file.hardlink_to(own)
    except FileExistsError:
        pass
    finally:
        own.unlink()

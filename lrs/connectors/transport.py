"""The one way out: HTTP to other companies' services, for all providers. Pure of Django.

Time-outs, TLS always verified, environment proxies ignored, redirects to the same host only, answers capped, private
addresses refused unless allowed, budgets spent before a call, 429 and 5xx tried again when the service says.
"""

import ipaddress
import math
import random
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Self
from urllib.parse import urlsplit

import httpcore
import httpx

CONNECT = 5.0
READ = 20.0
# The longest first wait before the same is asked again; each further one is twice as long.
BACKOFF = 1.0
MOST = 32 * 2**20
_REDIRECTS = 3
_TRIES = 4
# Longer than this nobody waits inside a call: the caller comes back later.
PATIENCE = 30.0
# IPv6 in which the last 32 bits are an IPv4 address that is reached: compatible, translated, by NAT64.
_TRANSLATED = tuple(map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96")))
# NAT64 for a network's own use.
_LOCAL_TRANSLATION = ipaddress.IPv6Network("64:ff9b:1::/48")


class TransportError(Exception):
    """The service could not be asked; the text is a sentence for the administrator."""


class NotAllowed(TransportError):
    """An address that this service must not reach."""


class Unreachable(TransportError):
    """No answer: the name, the connection, TLS or a time-out."""


class Later(TransportError):
    """Asked too often: to be tried again after `seconds`."""

    def __init__(self, sentence: str, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(sentence)


class Refusal(TransportError):
    """The service answered with an error: `status` and the beginning of its answer."""

    def __init__(self, status: int, text: str, where: str) -> None:
        self.status = status
        self.text = text
        super().__init__(f"{where} answered {status}: {' '.join(text.split())[:200] or 'nothing more'}")


# Given a budget's name: 0.0 when a call was taken from it, else the seconds until one is free.
Spend = Callable[[str, float], float]


def unlimited(bucket: str, hold: float = 0.0) -> float:
    """For connections without budgets."""
    return 0.0


@dataclass(frozen=True, slots=True)
class Way:
    """How to get out. `allow` are host names, addresses or networks that may be private; `proxy` an address or empty.

    With a proxy the target's name is resolved there, and here only to refuse what is private as far as we can see.
    """

    allow: tuple[str, ...] = ()
    proxy: str = ""
    agent: str = "learning-record-store"
    most: int = MOST
    connect: float = CONNECT
    read: float = READ
    backoff: float = BACKOFF
    # Nobody waits longer than this between tries, whatever a call would wait.
    patience: float = math.inf


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of 2xx, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; raises TransportError where it is not."""
        try:
            return httpx.Response(200, content=self.body).json()
        except ValueError:
            raise TransportError(f"The answer is not JSON: {self.body[:80]!r}") from None


class Transport:
    """Requests on behalf of one connection. Use it as a context manager, or close it."""

    def __init__(self, way: Way, spend: Spend = unlimited, sleep: Callable[[float], None] = time.sleep) -> None:
        self._way = way
        self._spend = spend
        self._sleep = sleep
        self._client = httpx.Client(
            transport=_Guarded(way),
            timeout=httpx.Timeout(way.read, connect=way.connect),
            trust_env=False,
            follow_redirects=False,
            headers={"user-agent": way.agent},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def pause(self, seconds: float) -> None:
        """Wait, where a provider is to be asked again later."""
        self._sleep(seconds)

    def send(
        self,
        method: str,
        url: str,
        *,
        bucket: str = "",
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: Any = None,
        patience: float = PATIENCE,
        again: bool = True,
    ) -> Reply:
        """The answer, of 2xx. `url` is sent as it is written; `params` are added to it, encoded.

        `bucket` names the budget that each try is taken from. 429, 5xx and silence are tried again (with `again`)
        while the waiting altogether is not longer than `patience` seconds.
        Raises NotAllowed, Unreachable, Later, Refusal.
        """
        waited, patience = 0.0, min(patience, self._way.patience)
        for attempt in range(_TRIES):
            self._take(bucket, patience - waited)
            last = not again or attempt == _TRIES - 1
            try:
                response = self._one(method, url, params=params, headers=headers, auth=auth, data=form, json=json)
            except Unreachable:
                if last:
                    raise
                pause = self._backoff(attempt)
            else:
                if response.status_code < 300:
                    return _reply(response)
                where = f"{method} {urlsplit(url).hostname}{urlsplit(url).path}"
                if response.status_code != 429 and response.status_code < 500:
                    raise Refusal(response.status_code, response.text, where)
                asked = retry_after(response.headers, datetime.now(UTC))
                pause = self._backoff(attempt) if asked is None else asked
                if asked is not None and bucket:
                    # The others are told too, so that they do not run into the same wall.
                    self._spend(bucket, asked)
                if last or waited + pause > patience:
                    if response.status_code == 429 or asked is not None:
                        raise Later(f"{where} asks to wait {pause:.0f} s.", pause)
                    raise Refusal(response.status_code, response.text, where)
            if waited + pause > patience:
                raise Unreachable(f"{urlsplit(url).hostname} did not answer, tried {attempt + 1} times.")
            self._sleep(pause)
            waited += pause
        raise Unreachable(f"{urlsplit(url).hostname} did not answer.")

    def _backoff(self, attempt: int) -> float:
        return random.uniform(0.5, 1.0) * self._way.backoff * 2.0**attempt

    def _take(self, bucket: str, patience: float) -> None:
        waited = 0.0
        while bucket and (wait := self._spend(bucket, 0.0)) > 0:
            if waited + wait > patience:
                raise Later(f"The budget {bucket!r} is spent; the next call is free in {wait:.0f} s.", wait)
            self._sleep(wait)
            waited += wait

    def _one(self, method: str, url: str, **options: Any) -> httpx.Response:
        asked = self._client.build_request(method, _checked(url, self._way), **_request_options(options))
        # How a secret travels is decided here, and nothing of a former answer is sent along.
        self._client.cookies.clear()
        for _ in range(_REDIRECTS + 1):
            response = self._read(asked)
            following = response.next_request
            if following is None:
                return response
            if (following.url.scheme, following.url.host, following.url.port) != (
                asked.url.scheme,
                asked.url.host,
                asked.url.port,
            ):
                raise NotAllowed(
                    f"{asked.url.host} redirects to {following.url.host}; redirects to other hosts are not followed."
                )
            asked = following
        raise Unreachable(f"{asked.url.host} redirects without end.")

    def _read(self, request: httpx.Request) -> httpx.Response:
        begun = time.monotonic()
        try:
            response = self._client.send(request, stream=True)
            try:
                parts, size = [], 0
                for part in response.iter_bytes(65536):
                    size += len(part)
                    if size > self._way.most:
                        raise TransportError(
                            f"{request.url.host} answered with more than {self._way.most} bytes; it is not read."
                        )
                    if time.monotonic() - begun > 10 * self._way.read:
                        raise Unreachable(f"{request.url.host} answers too slowly.")
                    parts.append(part)
            finally:
                response.close()
        except (httpx.TransportError, httpx.InvalidURL, httpx.DecodingError) as problem:
            raise Unreachable(f"{request.url.host} could not be reached: {_plain(problem)}") from None
        whole = httpx.Response(
            response.status_code,
            headers=[(k, v) for k, v in response.headers.multi_items() if k.lower() not in _CODED],
            content=b"".join(parts),
            request=request,
        )
        whole.next_request = response.next_request
        return whole


_CODED = {"content-encoding", "transfer-encoding", "content-length"}


def _request_options(options: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in options.items() if value is not None and name != "auth"}
    auth = options.get("auth")
    if auth is not None:
        made = httpx.BasicAuth(*auth)
        header = next(made.auth_flow(httpx.Request("GET", "https://unused.invalid"))).headers["authorization"]
        given["headers"] = {**(given.get("headers") or {}), "authorization": header}
    return given


def _reply(response: httpx.Response) -> Reply:
    return Reply(response.status_code, {k.lower(): v for k, v in response.headers.items()}, response.content)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds that Retry-After asks for: a number or a fraction (Adobe), an HTTP date, an ISO time (Zoom)."""
    given = headers.get("retry-after", "").strip()
    if not given:
        return None
    try:
        return max(0.0, min(float(given), 86_400.0))
    except ValueError:
        pass
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(given)
        except (ValueError, TypeError):
            continue
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, min((moment - now).total_seconds(), 86_400.0))
    return None


def _checked(url: str, way: Way) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise NotAllowed(f"{url[:80]!r} is not an http or https address.")
    if parts.username or parts.password:
        raise NotAllowed(f"The address of {parts.hostname} must not contain a user or password.")
    if parts.scheme == "http" and not _listed(parts.hostname, None, way.allow):
        raise NotAllowed(f"{parts.hostname} is not asked without TLS; use https, or add it to LRS_OUTBOUND_ALLOW.")
    if way.proxy:
        # The proxy resolves the name; what is known of it here must not be inside of our network either.
        try:
            found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
        except OSError:
            return url
        _require_public(parts.hostname, [str(entry[4][0]) for entry in found], way.allow)
    return url


def _require_public(host: str, addresses: Iterable[str], allow: tuple[str, ...]) -> None:
    for text in addresses:
        address = ipaddress.ip_address(text.partition("%")[0])
        if not _is_public(address) and not _listed(host, address, allow):
            raise NotAllowed(
                f"{host} is at {text}, an address inside of a network; add it to LRS_OUTBOUND_ALLOW if that is meant."
            )


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and any(address in network for network in _TRANSLATED):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None and not _is_public(inner):
            return False
        if address.is_site_local or address in _LOCAL_TRANSLATION:
            return False
    return address.is_global and not address.is_multicast


def _listed(host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, allow: tuple[str, ...]) -> bool:
    if address is None:
        with suppress(ValueError):
            address = ipaddress.ip_address(host)
    for entry in allow:
        if entry.lower() == host.lower():
            return True
        try:
            network = ipaddress.ip_network(entry, strict=False)
        except ValueError:
            continue
        if address is not None and address.version == network.version and address in network:
            return True
    return False


class _Backend(httpcore.NetworkBackend):
    """Connects to the very address that was looked at, so that a name cannot change its mind in between."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        """A connection to an allowed address of the host."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as problem:
            raise httpcore.ConnectError(f"the name {host} is not known ({problem.strerror})") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        _require_public(host, addresses, self._way.allow)
        last: Exception = httpcore.ConnectError("no address")
        for address in addresses:
            try:
                return self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                last = failed
        raise last


@cache
def _trusted() -> ssl.SSLContext:
    """What certificates are checked against: read once, which takes longer than many a call."""
    return httpx.create_ssl_context(verify=True, trust_env=False)


class _Guarded(httpx.HTTPTransport):
    """httpx's own transport over our backend; through a proxy the proxy itself is what is connected to."""

    def __init__(self, way: Way) -> None:
        super().__init__(verify=_trusted(), trust_env=False, proxy=way.proxy or None)
        if not way.proxy:
            self._pool._network_backend = _Backend(way)


def _plain(problem: Exception) -> str:
    if isinstance(problem, httpx.TimeoutException):
        return "it did not answer in time"
    return str(problem) or type(problem).__name__

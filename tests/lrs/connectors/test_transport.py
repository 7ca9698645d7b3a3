"""The one way out: what it reaches, what it refuses, what it tries again."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lrs.connectors import transport
from lrs.connectors.transport import (
    Later,
    NotAllowed,
    Refusal,
    Transport,
    TransportError,
    Unreachable,
    Way,
    retry_after,
)
from tests.standins import loopback

HERE = Way(allow=("127.0.0.1",))


@contextmanager
def serving(answer: Callable[[str, Mapping[str, str]], tuple[int, dict[str, str], bytes]]) -> Iterator[str]:
    def said(asked: loopback.Asked) -> loopback.Said:
        status, headers, body = answer(asked.target, asked.headers)
        return loopback.Said(status, body, headers)

    with loopback.serving(said) as url:
        yield url


def never_called(path, headers):
    raise AssertionError("this address must not be reached")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "0.0.0.0",  # noqa: S104  (to be refused)
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fd00::1]",
        "[fec0::1]",
        "[::127.0.0.1]",
        "[::ffff:0:10.0.0.1]",
        "[2002:7f00:1::]",
        "[64:ff9b::a00:1]",
        "[64:ff9b:1::808:808]",
        "100.64.0.1",
        "2130706433",
        "224.0.0.1",
    ],
)
def test_addresses_inside_of_a_network_are_refused(host):
    with Transport(Way()) as http, pytest.raises(NotAllowed, match="LRS_OUTBOUND_ALLOW"):
        http.send("GET", f"https://{host}/")


@pytest.mark.parametrize("host", ["[64:ff9b::5db8:d822]", "[2002:5db8:d822::]", "[2606:4700::1111]", "93.184.216.34"])
def test_public_addresses_are_not_refused_however_they_are_written(host):
    # Behind a proxy that is not there, so that nobody is really asked.
    with Transport(Way(proxy="http://127.0.0.1:9")) as http, pytest.raises(Unreachable):
        http.send("GET", f"https://{host}/", again=False)


def test_a_name_is_judged_by_the_address_that_is_connected_to(monkeypatch):
    with serving(never_called) as url:
        port = int(url.rpartition(":")[2])
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        )
        with Transport(Way()) as http, pytest.raises(NotAllowed, match=r"innocent\.example"):
            http.send("GET", f"https://innocent.example:{port}/")


def test_plain_http_goes_to_listed_hosts_only():
    with Transport(Way()) as http, pytest.raises(NotAllowed, match="without TLS"):
        http.send("GET", "http://93.184.216.34/")


@pytest.mark.parametrize("entry", ["127.0.0.1", "127.0.0.0/8"])
def test_what_is_listed_is_reached_also_as_a_network(entry):
    with serving(lambda *_: (200, {}, b'{"a": 1}')) as url, Transport(Way(allow=(entry,))) as http:
        assert http.send("GET", url).json() == {"a": 1}


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x/", "gopher://x", "https://", "https://user:word@example.com/"]
)
def test_other_schemes_and_passwords_in_addresses_are_refused(url):
    with Transport(HERE) as http, pytest.raises(NotAllowed):
        http.send("GET", url)


def test_a_redirect_to_another_host_is_not_followed():
    with (
        serving(never_called) as other,
        serving(lambda *_: (302, {"location": other + "/x"}, b"")) as url,
        Transport(HERE) as http,
        pytest.raises(NotAllowed, match="redirects to"),
    ):
        http.send("GET", url)


def test_a_redirect_within_the_host_is_followed_and_an_endless_one_is_not():
    def answer(path, headers):
        return (200, {}, b"[]") if path == "/b" else (302, {"location": "/b" if path == "/a" else "/loop"}, b"")

    with serving(answer) as url, Transport(HERE) as http:
        assert http.send("GET", url + "/a").json() == []
        with pytest.raises(Unreachable, match="without end"):
            http.send("GET", url + "/loop", again=False)


def test_an_answer_that_is_too_large_is_not_read():
    way = Way(allow=("127.0.0.1",), most=1000)
    with (
        serving(lambda *_: (200, {}, b"x" * 2000)) as url,
        Transport(way) as http,
        pytest.raises(TransportError, match="more than 1000 bytes"),
    ):
        http.send("GET", url)


def slowly(path, headers):
    time.sleep(1)
    return 200, {}, b""


def test_silence_is_given_up_in_time():
    way = Way(allow=("127.0.0.1",), read=0.2)
    begun = time.monotonic()
    with (
        serving(slowly) as url,
        Transport(way) as http,
        pytest.raises(Unreachable, match="in time"),
    ):
        http.send("GET", url, again=False)
    assert time.monotonic() - begun < 2


def test_tls_is_verified(tmp_path):
    import ssl
    from datetime import timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = tmp_path / "own.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        with Transport(HERE) as http, pytest.raises(Unreachable, match="certificate"):
            http.send("GET", f"https://127.0.0.1:{server.server_address[1]}/", again=False)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_proxies_of_the_environment_are_ignored_and_the_connections_is_used(monkeypatch):
    asked = []

    def proxy(path, headers):
        asked.append(path)
        return 200, {}, b'"through the proxy"'

    with serving(proxy) as address, serving(lambda *_: (200, {}, b'"direct"')) as url:
        monkeypatch.setenv("HTTP_PROXY", address)
        monkeypatch.setenv("ALL_PROXY", address)
        with Transport(HERE) as http:
            assert http.send("GET", url).json() == "direct"
        with Transport(Way(allow=("127.0.0.1",), proxy=address)) as http:
            assert http.send("GET", url + "/x").json() == "through the proxy"
    assert asked == [url + "/x"]


def test_a_proxy_is_no_way_into_the_network():
    with serving(never_called) as address, Transport(Way(proxy=address)) as http, pytest.raises(NotAllowed):
        http.send("GET", "https://127.0.0.1/")


def test_refusals_are_told_and_not_tried_again():
    asked = []

    def answer(path, headers):
        asked.append(path)
        return 403, {}, b"no scope"

    with (
        serving(answer) as url,
        Transport(HERE) as http,
        pytest.raises(Refusal, match="403: no scope") as problem,
    ):
        http.send("GET", url)
    assert (problem.value.status, len(asked)) == (403, 1)


def test_waiting_longer_than_patience_is_left_to_the_caller():
    with (
        serving(lambda *_: (429, {"retry-after": "100"}, b"")) as url,
        Transport(HERE) as http,
        pytest.raises(Later) as problem,
    ):
        http.send("GET", url)
    assert problem.value.seconds == 100


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10.752", 10.752),
        ("0", 0),
        ("-3", 0),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60),
        ("2026-01-01T00:02:00Z", 120),
        ("2025-01-01T00:00:00Z", 0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(text, seconds):
    assert retry_after({"retry-after": text}, datetime(2026, 1, 1, tzinfo=UTC)) == seconds


def test_no_environment_and_no_redirects_by_itself():
    http = Transport(Way())
    assert http._client.trust_env is False
    assert http._client.follow_redirects is False
    assert (transport.CONNECT, transport.READ) == (5.0, 20.0)
    http.close()

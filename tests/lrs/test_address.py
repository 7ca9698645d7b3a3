"""Whose wrong secrets are counted: the address that a trusted proxy names, and no other's word for it."""

import pytest
from django.http import HttpRequest
from django.test import override_settings

from lrs import wire

VIA_PROXY = {"x-forwarded-for": "198.51.100.1, 203.0.113.7"}


def request() -> HttpRequest:
    found = HttpRequest()
    found.META["REMOTE_ADDR"] = "10.0.0.1"
    return found


@pytest.mark.parametrize(
    ("trusted", "headers", "address"),
    [
        (True, VIA_PROXY, "203.0.113.7"),
        (True, {}, "10.0.0.1"),
        (False, VIA_PROXY, "10.0.0.1"),
    ],
)
def test_the_senders_address_is_what_the_trusted_proxy_added_last(trusted, headers, address):
    with override_settings(LRS_TRUST_PROXY=trusted):
        assert wire.address(request(), headers) == address

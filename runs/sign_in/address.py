"""The client's address for lockouts, throttles and the log. No client can forge it."""

from __future__ import annotations

import re
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import structlog
from django.conf import settings
from django.dispatch import receiver
from django.http import HttpRequest
from django_structlog.signals import bind_extra_request_metadata

Address = IPv4Address | IPv6Address

_WITH_PORT = re.compile(r"\[(?P<v6>[^\]]+)\](?::\d+)?|(?P<v4>[\d.]+):\d+")
PREFIX_OF_ONE_CLIENT = 64  # an IPv6 client gets a network of this size, and may use any address in it


def client_address(request: HttpRequest) -> str | None:
    """The address that the outermost of our proxies saw; without proxies, the connection's own.

    Each proxy appends the address that it sees to `X-Forwarded-For`, so a header that the client forged
    comes before those. An IPv6 address is cut to its network. None for a Unix socket.
    """
    peer = parse_address(request.META.get("REMOTE_ADDR", ""))
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if settings.PROXY_COUNT and forwarded and is_trusted_proxy(peer):
        seen = forwarded.split(",")[-settings.PROXY_COUNT :]
        return format_address(parse_address(seen[0]) or peer)
    return format_address(peer)


@receiver(bind_extra_request_metadata)
def log_client_address(request: HttpRequest, **kwargs: Any) -> None:
    """The log has the same address, so that an operator can block an address from the log."""
    structlog.contextvars.bind_contextvars(ip=client_address(request))


def parse_address(text: str) -> Address | None:
    text = text.strip()
    if match := _WITH_PORT.fullmatch(text):
        text = match["v6"] or match["v4"]
    try:
        address = ip_address(text.partition("%")[0])  # without a link-local address's zone
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_trusted_proxy(peer: Address | None) -> bool:
    """No address means a Unix socket, so the proxy is on this machine."""
    return peer is None or any(peer in network for network in parse_networks(tuple(settings.TRUSTED_PROXIES)))


@cache
def parse_networks(names: tuple[str, ...]) -> list[IPv4Network | IPv6Network]:
    return [ip_network(name) for name in names]


def format_address(address: Address | None) -> str | None:
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, PREFIX_OF_ONE_CLIENT), strict=False).network_address)
    return str(address) if address else None

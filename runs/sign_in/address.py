"""The client's address, as lockouts, throttles and the log know it: no client can choose its own."""

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
PREFIX_OF_ONE_CLIENT = 64  # IPv6 hands every client so large a network, and any number of addresses in it


def client_address(request: HttpRequest) -> str | None:
    """The address that the outermost of our proxies saw; the connection's own where it isn't a proxy's.

    Each proxy adds the address that it sees at the end of `X-Forwarded-For`, so whatever a client has
    written stands before those. An IPv6 address is cut to its network. None for a socket without an address.
    """
    peer = _parse(request.META.get("REMOTE_ADDR", ""))
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if settings.PROXY_COUNT and forwarded and _is_proxy(peer):
        seen = forwarded.split(",")[-settings.PROXY_COUNT :]
        return _name(_parse(seen[0]) or peer)
    return _name(peer)


@receiver(bind_extra_request_metadata)
def log_client_address(request: HttpRequest, **kwargs: Any) -> None:
    """The log names the same address: whoever reads it there may want to shut it out."""
    structlog.contextvars.bind_contextvars(ip=client_address(request))


def _parse(text: str) -> Address | None:
    text = text.strip()
    if match := _WITH_PORT.fullmatch(text):
        text = match["v6"] or match["v4"]
    try:
        address = ip_address(text.partition("%")[0])  # without the zone of a link-local one
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_proxy(peer: Address | None) -> bool:
    """One without an address comes by a socket of this machine."""
    return peer is None or any(peer in network for network in _networks(tuple(settings.TRUSTED_PROXIES)))


@cache
def _networks(names: tuple[str, ...]) -> list[IPv4Network | IPv6Network]:
    return [ip_network(name) for name in names]


def _name(address: Address | None) -> str | None:
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, PREFIX_OF_ONE_CLIENT), strict=False).network_address)
    return str(address) if address else None

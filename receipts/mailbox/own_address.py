"""Whether a host is this machine: only then may a password be sent without encryption."""

from __future__ import annotations

import socket
from contextlib import closing
from ipaddress import ip_address


def is_own_address(host: str) -> bool:
    """`localhost`, or an address of this machine. Not another name: that may mean another machine tomorrow."""
    if host.lower() == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
            probe.bind((str(address), 0))  # binding fails for an address of another machine
    except OSError:
        return False
    return True

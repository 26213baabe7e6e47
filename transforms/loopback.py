"""Which addresses are this machine itself, so that nothing sent there may take a way around."""

import ipaddress
import socket
from urllib.parse import urlsplit


def is_loopback(address: str) -> bool:
    """Return whether a URL or HOST:PORT names this machine, by a number or as localhost.

    No name is looked up. 0.0.0.0 counts: what is sent there arrives on loopback.
    """
    try:
        host = urlsplit(address if "://" in address else f"//{address}").hostname or ""
    except ValueError:
        return False
    name = host.rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        number = ipaddress.ip_address(name)
    except ValueError:
        try:
            number = ipaddress.IPv4Address(socket.inet_aton(name))  # 127.1 and the like
        except OSError:
            return False
    number = getattr(number, "ipv4_mapped", None) or number
    return number.is_loopback or number.is_unspecified


def as_localhost(url: str) -> str:
    """Return a URL, the host of which is localhost where it is this machine by another name."""
    if not is_loopback(url):
        return url
    parts = urlsplit(url)
    _, colon, port = parts.netloc.rpartition("]")[2].partition(":")
    return parts._replace(netloc=f"localhost{colon}{port}").geturl()

"""Runs a command in a network of its own, where loopback is all there is.

``python -m weir.infra.local.isolated COMMAND...``: for whoever wants to see that a command needs no
network, or cannot keep its servers on loopback by any other means. With ``--as-root`` before it the
command may change that network, as one does that makes hosts in it (hosts.py).
"""

import ctypes
import fcntl
import os
import shutil
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_SIOCSIFFLAGS = 0x8914
_IFF_UP_RUNNING = 0x41
_AS_ROOT = "--as-root"
# Packets without a route; and those for a resolver on loopback, where none listens.
_BEYOND = ("IpOutNoRoutes", "Ip6OutNoRoutes", "UdpNoPorts", "Udp6NoPorts")


def main(command: list[str]) -> None:
    """Leave the machine's network where that is allowed, and say so where not; run the command."""
    as_root = command[:1] == [_AS_ROOT]
    command = command[as_root:]
    program = shutil.which(command[0]) if command else None
    if program is None:
        usage = f"usage: python -m weir.infra.local.isolated [{_AS_ROOT}] COMMAND [ARGUMENT...]\n"
        sys.stderr.write(usage)
        raise SystemExit(2)
    try:
        _leave_network(as_root=as_root)
    except OSError as error:
        sys.stderr.write(f"in the machine's own network, as it gives no other: {error}\n")
    os.execv(program, command)  # noqa: S606 - the caller's own command, without a shell


def is_isolated() -> bool:
    """Return whether loopback is all the network there is."""
    return {name for _, name in socket.if_nameindex()} == {"lo"}


def attempts() -> int:
    """Return how often anything in this network has asked for what lies beyond it, since it began.

    Of one that is isolated: there is no route to anywhere, and nobody who answers for names.
    """
    found = dict(_counters())
    return sum(found.get(name, 0) for name in _BEYOND)


def _counters() -> Iterator[tuple[str, int]]:
    """Yield the kernel's counters of this network, by names such as IpOutNoRoutes."""
    lines = Path("/proc/self/net/snmp").read_text("ascii").splitlines()
    for names, numbers in zip(lines[::2], lines[1::2], strict=True):
        protocol, *columns = names.split()
        for column, number in zip(columns, numbers.split()[1:], strict=True):
            yield protocol.rstrip(":") + column, int(number)
    for line in Path("/proc/self/net/snmp6").read_text("ascii").splitlines():
        name, number = line.split()
        yield name, int(number)


def _leave_network(*, as_root: bool) -> None:
    """Move this process into a network namespace with loopback; OSError where not permitted."""
    user, group = os.getuid(), os.getgid()
    try:
        _unshare(_CLONE_NEWNET)
    except OSError:
        # Whoever is not root may still do it in a user namespace that holds only himself.
        _unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
        Path("/proc/self/setgroups").write_text("deny", "ascii")
        Path("/proc/self/uid_map").write_text(f"{0 if as_root else user} {user} 1", "ascii")
        Path("/proc/self/gid_map").write_text(f"{0 if as_root else group} {group} 1", "ascii")
    _loopback_up()


@contextmanager
def another_network() -> Iterator[None]:
    """Have this thread, and what it starts meanwhile, in one more network.

    OSError where it may not. What looks beyond loopback there is counted there, and not where
    others are.
    """
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _unshare(_CLONE_NEWNET)
        try:
            _loopback_up()
            yield
        finally:
            _LIBC.setns(before, _CLONE_NEWNET)
    finally:
        os.close(before)


def _unshare(kinds: int) -> None:
    """Give this thread new namespaces of these kinds; OSError where not permitted."""
    if _LIBC.unshare(kinds):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _loopback_up() -> None:
    with socket.socket() as any_socket:
        request = struct.pack("16sh", b"lo", _IFF_UP_RUNNING)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, request)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Runs a command whose servers listen on loopback alone, whatever address they ask for.

``python -m weir.infra.local.loopback COMMAND...``, or by path, without the imports of this package.
With ``--but-named`` before it, one address that the command asks for stays as it is, and only what
would be on every interface is changed: a task manager is reached by others at its own address, and
what Beam opens in it by its workers alone.
Beam's servers in Go and Java listen on every interface, whatever they are told, and ask for no
login: whoever reaches them reads a job's pipeline and runs code in its workers.

Linux asks this process (seccomp's user notification) before each ``bind`` of the command and of
what that starts, and goes on with it once the address is changed. It holds servers that mean well,
and is no jail for a program that does not.
"""

import ctypes
import errno
import fcntl
import os
import platform
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER = 1
_NEW_LISTENER = 8
_NOTIFY, _ALLOW = 0x7FC00000, 0x7FFF0000
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_RECEIVE, _SEND = 0xC0502100, 0xC0182101  # ioctls
_CALL = struct.Struct("=QIIiIQ6Q")  # id, thread, flags, number, architecture, place, arguments
_ANSWER = struct.Struct("=QqiI")  # id, value, error, flags
_GO_ON = 1
_BUT_NAMED = "--but-named"
_LONGEST = 28  # bytes of an address of IPv6

_LOOPBACK_4 = socket.inet_aton("127.0.0.1")
_LOOPBACK_6 = socket.inet_pton(socket.AF_INET6, "::1")
_MAPPED = bytes(10) + b"\xff\xff"  # what an IPv4 address has before it in a socket of both kinds
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


@dataclass(frozen=True)
class _Machine:
    """What a processor calls things, as linux/audit.h and its table of system calls have it."""

    architecture: int
    bind: int
    seccomp: int


_MACHINES = {
    "x86_64": _Machine(0xC000003E, 49, 317),
    "aarch64": _Machine(0xC00000B7, 200, 277),
}


# Binds as a server does that wants every interface, and fails where it is given that.
_TRIAL = """
import socket
with socket.create_server(("", 0)) as server:
    raise SystemExit(server.getsockname()[0] != "127.0.0.1")
"""


def kept_on_loopback(command: Sequence[str], *, but_named: bool = False) -> list[str]:
    """Return the command that runs a command, kept on loopback; ``but_named`` as above."""
    return [sys.executable, "-S", __file__, *[_BUT_NAMED][:but_named], *command]


@cache
def is_possible() -> bool:
    """Return whether this system lets a command be kept on loopback; it is tried."""
    trial = kept_on_loopback([sys.executable, "-S", "-c", _TRIAL])
    done = subprocess.run(trial, stdin=subprocess.DEVNULL, capture_output=True, check=False)  # noqa: S603 - our own command
    return done.returncode == 0


def main(command: list[str]) -> int:
    """Run the command to its end, and return its exit code."""
    but_named = command[:1] == [_BUT_NAMED]
    command = command[but_named:]
    program = shutil.which(command[0]) if command else None
    if program is None:
        usage = f"python -m weir.infra.local.loopback [{_BUT_NAMED}] COMMAND [ARGUMENT...]"
        sys.stderr.write(f"usage: {usage}\n")
        return 2
    ours, its = socket.socketpair()
    child = os.fork()
    if child == 0:
        _become(program, command, its)
    its.close()
    for each in _FORWARDED:
        signal.signal(each, lambda number, _frame: os.kill(child, number))
    with ours:
        _, listeners, _, _ = socket.recv_fds(ours, 1, 1)
    for listener in listeners:
        _answer_until_end(listener, child, but_named)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _become(program: str, command: list[str], its: socket.socket) -> None:
    """Hand over what Linux will ask by, and become the command."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    try:
        listener = _ask_before_bind()
    except OSError as error:
        sys.stderr.write(f"this system does not let {program} be kept on loopback: {error}\n")
        os._exit(126)
    socket.send_fds(its, [b"."], [listener])
    os.close(listener)
    os.execv(program, command)  # noqa: S606 - the caller's own command, without a shell


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _ask_before_bind() -> int:
    """Return the descriptor of a listener that is asked before each bind from now on."""
    machine = _MACHINES.get(platform.machine())
    if machine is None or sys.platform != "linux":
        raise OSError(errno.ENOSYS, f"not on {platform.system()} {platform.machine()}")
    steps = b"".join(
        struct.pack("=HBBI", *step)
        for step in (
            (_LOAD, 0, 0, 4),  # the architecture
            (_JUMP_IF_EQUAL, 0, 3, machine.architecture),
            (_LOAD, 0, 0, 0),  # the number of the call
            (_JUMP_IF_EQUAL, 0, 1, machine.bind),
            (_RETURN, 0, 0, _NOTIFY),
            (_RETURN, 0, 0, _ALLOW),
        )
    )
    libc = ctypes.CDLL(None, use_errno=True)
    program = _Program(len(steps) // 8, steps)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    found = libc.syscall(machine.seccomp, _SET_MODE_FILTER, _NEW_LISTENER, ctypes.byref(program))
    if found < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(found)


def _answer_until_end(listener: int, child: int, but_named: bool) -> None:
    poll, ended = select.poll(), os.pidfd_open(child)
    poll.register(listener, select.POLLIN)
    poll.register(ended, select.POLLIN)
    while True:
        ready = dict(poll.poll(1_000))  # a signal just before the call is passed on when it returns
        if ready.get(listener, 0) & select.POLLIN:
            _answer(listener, but_named)
        elif ended in ready:
            return


def _answer(listener: int, but_named: bool) -> None:
    """Change the address of one bind that waits, and let it go on; refuse it where that fails."""
    call = bytearray(_CALL.size)
    try:
        fcntl.ioctl(listener, _RECEIVE, call)
    except OSError:  # who asked is gone
        return
    identity, thread, _, _, _, _, descriptor, pointer, length, *_ = _CALL.unpack(call)
    refused = 0
    try:
        if _takes_connections(thread, descriptor):
            _change(Path(f"/proc/{thread}/mem"), pointer, min(length, _LONGEST), but_named)
    except OSError as error:
        sys.stderr.write(f"an address could not be changed, and is refused: {error}\n")
        refused = -errno.EACCES
    try:
        answer = _ANSWER.pack(identity, 0, refused, 0 if refused else _GO_ON)
        fcntl.ioctl(listener, _SEND, answer)
    except OSError:
        return


def _takes_connections(thread: int, descriptor: int) -> bool:
    """Return whether a socket is of TCP, or of MPTCP, which is Go's default; not one of UDP.

    What sends from a socket of UDP, such as a resolver, would reach nobody from loopback.
    """
    name = os.getxattr(f"/proc/{thread}/fd/{descriptor}", "system.sockprotoname")
    return not name.startswith(b"UDP")


def _change(memory: Path, pointer: int, length: int, but_named: bool) -> None:
    with memory.open("r+b", buffering=0) as file:
        file.seek(pointer)
        asked = file.read(length)
        given = on_loopback(asked, but_named=but_named)
        if given != asked:
            file.seek(pointer)
            file.write(given)


def on_loopback(address: bytes, *, but_named: bool = False) -> bytes:
    """Return the loopback address for an address of Linux (struct sockaddr) of the same kind.

    What asks for every address of both kinds gets 127.0.0.1, where most clients look. With
    ``but_named`` nothing else is changed.
    """
    family = int.from_bytes(address[:2], sys.byteorder)
    if family == socket.AF_INET and not _stays(address[4:8], but_named):
        return address[:4] + _LOOPBACK_4 + address[8:]
    if family == socket.AF_INET6 and address[8:24] != _LOOPBACK_6:
        host = address[8:24]
        mapped = host[:12] == _MAPPED
        if not _stays(host[12:] if mapped else host, but_named):
            given = _MAPPED + _LOOPBACK_4 if mapped or not any(host) else _LOOPBACK_6
            return address[:8] + given + address[24:]
    return address


def _stays(host: bytes, but_named: bool) -> bool:
    """Return whether a host is on loopback, or named where that is enough."""
    return (len(host) == 4 and host[0] == _LOOPBACK_4[0]) or (but_named and any(host))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

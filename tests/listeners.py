"""What a process and its descendants listen on, as the kernel has it."""

import ipaddress
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_LISTENS = "0A"


@dataclass(frozen=True, order=True)
class Listener:
    host: str
    port: int
    program: str

    @property
    def on_loopback(self) -> bool:
        address = ipaddress.ip_address(self.host)
        return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def listeners(pid: int) -> set[Listener]:
    """Return the TCP sockets that a process and what it started accept connections on."""
    found = set()
    for each in family(pid):
        try:
            program = Path(f"/proc/{each}/comm").read_text().strip()
            sockets = set(_targets(Path(f"/proc/{each}/fd")))
            tables = [Path(f"/proc/{each}/net/{name}").read_text() for name in ("tcp", "tcp6")]
        except OSError:  # it ended meanwhile
            continue
        for line in (line for table in tables for line in table.splitlines()[1:]):
            _, local, _, state, *_, inode = line.split()[:10]
            if state == _LISTENS and f"socket:[{inode}]" in sockets:
                host, port = local.split(":")
                found.add(Listener(_address(host), int(port, 16), program))
    return found


def listening(
    process: subprocess.Popen, enough: Callable[[set[Listener]], bool], seconds=800
) -> set[Listener]:
    """Return what was listened on from now on until enough of it was, and for a second more."""
    seen: set[Listener] = set()
    deadline = time.monotonic() + seconds
    while not enough(seen):
        assert process.poll() is None, f"it ended with {process.returncode}"
        assert time.monotonic() < deadline, sorted(seen)
        seen |= listeners(process.pid)
        time.sleep(0.1)
    time.sleep(1)
    return seen | listeners(process.pid)


def _targets(folder: Path) -> Iterator[str]:
    for file in folder.iterdir():
        with suppress(FileNotFoundError):  # it is closed meanwhile, as the folder's own is
            yield str(file.readlink())


def _address(hexadecimal: str) -> str:
    words = [hexadecimal[at : at + 8] for at in range(0, len(hexadecimal), 8)]
    packed = b"".join(
        bytes.fromhex(word)[::-1] for word in words
    )  # as a little-endian machine has it
    return str(ipaddress.ip_address(packed))


def family(pid: int) -> set[int]:
    """Return the process and all that descends from it."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                stat = (folder / "stat").read_text().rpartition(") ")[2].split()
            except OSError:
                continue
            parents[int(folder.name)] = int(stat[1])
    family, grown = {pid}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in family} - family
        family, grown = family | more, bool(more)
    return family


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False

"""Hosts with a network, processes and temporary files of their own, on this one machine.

For what runs on several: a network namespace each, joined by a bridge as by a switch, so that one
can be cut off, and one of processes, so that all of a host's end at once. Linux gives them to root,
and to whoever is root in a network of his own: ``python -m weir.infra.local.isolated --as-root
COMMAND``. That command is at the bridge itself, and so the first host.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from weir.infra.local.children import Server, StackError, child
from weir.infra.local.host import Host
from weir.infra.local.isolated import is_isolated
from weir.infra.local.loopback import kept_on_loopback

_BRIDGE = "switch"
_FIRST = "10.77.0.1"
_KINDS = ("--net", "--mount", "--pid", "--uts", "--ipc")
_TEMPORARY = Path("/tmp")  # noqa: S108 - each host is given one of its own
_SECONDS = 60.0  # a tenth of one by itself

# What a host sees of /tmp is its own, but for folders that all share. Its first process, a shell,
# takes leave of those whose parents are gone.
_INIT = r"""
set -e
hostname "$1"
printf '127.0.0.1 localhost\n%s %s\n' "$2" "$1" > "$3/names"
mount --bind "$3/names" /etc/hosts
new=$3
shift 3
mount -t tmpfs tmpfs "$new"
for folder; do mkdir -p "$new/$folder" && mount --rbind "/tmp/$folder" "$new/$folder"; done
mount --move "$new" /tmp
ip link set lo up
echo ready
sleep infinity & wait
"""


class FirstHost(Host):
    """The place of this process at the bridge: what it starts, other hosts reach by the address."""

    address = _FIRST
    bound = "0.0.0.0"  # noqa: S104 - of a network that nobody reaches
    name = "first"

    def kept(self, command: Sequence[str]) -> list[str]:
        """Return the command itself: in this network every interface is the hosts' own."""
        return self.on(command)


class OtherHost(Host):
    """A host with namespaces of its own; ``machine`` is all that runs there, to be killed."""

    temporary = _TEMPORARY

    def __init__(self, number: int, shared: Sequence[Path], log: Path) -> None:
        self.address, self.name = f"10.77.0.{number}", f"host-{number}"
        self._cable, self._shared, self._log = f"cable-{number}", shared, log
        self._first_process = 0
        self.machine = Server(self._started)

    def on(self, command: Sequence[str]) -> list[str]:
        """Return the command that runs a command there."""
        return [_program("nsenter"), f"--target={self._first_process}", *_KINDS, *command]

    def kept(self, command: Sequence[str]) -> list[str]:
        """Return the same for a command that is to be reached where it names its address alone."""
        return self.on(kept_on_loopback(command, but_named=True))

    @property
    def network(self) -> Path:
        """Return where the kernel tells of its network."""
        return Path(f"/proc/{self._first_process}/net")

    def cut_off(self) -> None:
        """Pull its cable out."""
        _ip("link", "set", self._cable, "down")

    def heal(self) -> None:
        """Put its cable in again."""
        _ip("link", "set", self._cable, "up")

    @contextmanager
    def _started(self) -> Iterator[subprocess.Popen[bytes]]:
        unshare = [_program("unshare"), *_KINDS, "--fork", "--kill-child", "--mount-proc"]
        shared = [
            str(each.relative_to(_TEMPORARY))
            for each in self._shared
            if each.is_relative_to(_TEMPORARY)
        ]
        aside = self._log.with_suffix(".tmp")
        aside.mkdir(exist_ok=True)
        self._log.unlink(missing_ok=True)
        with child(
            f"The host {self.name}",
            [*unshare, "sh", "-c", _INIT, "sh", self.name, self.address, str(aside), *shared],
            lambda: self._log.read_text("utf-8", "replace").endswith("ready\n"),
            seconds=_SECONDS,
            grace=0.0,  # it heeds no signal but the last
            log_file=self._log,
        ) as process:
            self._first_process = int(
                Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii")
            )
            self._plug_in()
            yield process

    def _plug_in(self) -> None:
        within = [_program("nsenter"), f"--target={self._first_process}", "--net"]
        here = str(self._first_process)
        if Path(f"/sys/class/net/{self._cable}").exists():  # of one that was killed
            _ip("link", "delete", self._cable)
        _ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", here)
        _ip("link", "set", self._cable, "master", _BRIDGE, "up")
        _ip("address", "add", f"{self.address}/24", "dev", "eth0", within=within)
        _ip("link", "set", "eth0", "up", within=within)


@contextmanager
def hosts(
    count: int, shared: Sequence[Path], logs: Path
) -> Iterator[tuple[FirstHost, list[OtherHost]]]:
    """Make so many hosts beside this one, joined by a bridge; they are gone with the block.

    Of /tmp they see the ``shared`` folders alone. Raises StackError where this process is not in a
    network of its own, whose devices it may change, or programs of iproute2 and util-linux are
    missing.
    """
    if not is_isolated():
        raise StackError(
            "this command has no network of its own, to make hosts in; see isolated.py"
        )
    _ip("link", "add", _BRIDGE, "type", "bridge")
    try:
        _ip("address", "add", f"{_FIRST}/24", "dev", _BRIDGE)
        _ip("link", "set", _BRIDGE, "up")
        with ExitStack() as stack:
            others = [
                OtherHost(number, shared, logs / f"host-{number}.log")
                for number in range(2, 2 + count)
            ]
            for each in others:
                stack.enter_context(each.machine)
            yield FirstHost(), others
    finally:
        _ip("link", "delete", _BRIDGE)


def _ip(*words: str, within: Sequence[str] = ()) -> None:
    done = subprocess.run(  # noqa: S603 - our own command, without a shell
        [*within, _program("ip"), *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise StackError(f"no hosts can be made here: ip {' '.join(words)}: {done.stderr.strip()}")


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise StackError(f"no hosts can be made here: {name} is missing, of iproute2 or util-linux")
    return found

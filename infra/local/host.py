"""Where a server runs: this machine, unless it is given another place."""

from collections.abc import Sequence
from pathlib import Path

from weir.infra.local.loopback import kept_on_loopback

_LISTENS = "0A"  # the state of a line of /proc/net/tcp


class Host:
    """Where a server runs: this machine."""

    address = "127.0.0.1"
    # What a job manager binds. Its REST handler asks its own blob server for "localhost", so no job
    # can be submitted where that listens on one address of a network alone.
    bound = "127.0.0.1"
    name = "this-machine"
    temporary: Path | None = None  # a folder of its own for what servers leave there

    def on(self, command: Sequence[str]) -> list[str]:
        """Return the command that runs a command there."""
        return list(command)

    def kept(self, command: Sequence[str]) -> list[str]:
        """Return the same for one whose servers would be on every interface, and shall not be."""
        return kept_on_loopback(command)

    @property
    def network(self) -> Path:
        """Return where the kernel tells of its network."""
        return Path("/proc/self/net")

    def listens(self, port: int) -> bool:
        """Return whether something there listens on the port, on whatever address."""
        lines = [
            line.split()
            for table in ("tcp", "tcp6")
            if (self.network / table).exists()
            for line in (self.network / table).read_text("ascii").splitlines()[1:]
        ]
        return any(
            line[3] == _LISTENS and int(line[1].partition(":")[2], 16) == port for line in lines
        )


THIS_MACHINE = Host()

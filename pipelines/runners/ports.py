"""The ports of Beam's servers: on loopback, where Beam opens them to the network.

None of them asks for a login. Who reaches one reads the pipeline, or has a worker run his code.
"""

import os
import shutil
from typing import Any

from grpc import _server

from weir.infra.local.isolated import is_isolated
from weir.infra.local.loopback import is_possible
from weir.infra.local.tethered import tethered
from weir.pipelines.errors import OptionError
from weir.pipelines.options.command_line import Arguments

_BY_PROXY = "no_grpc_proxy"
_LOCAL = "localhost,127.0.0.1,::1"
_listen = _server._Server.add_insecure_port


def serve_on_loopback() -> None:
    """Have each gRPC server that this process makes from now on listen on loopback alone.

    Beam asks for every interface wherever it opens a port: for a pool of workers, for a runner that
    has processes of its own, for what is staged. What it calls is on loopback too, so it takes no
    proxy to there.
    """
    _server._Server.add_insecure_port = _listen_on_loopback
    others = os.environ.get(_BY_PROXY) or os.environ.get("no_proxy") or ""
    if not others.endswith(_LOCAL):
        os.environ[_BY_PROXY] = f"{others},{_LOCAL}".lstrip(",")


def _listen_on_loopback(server: Any, address: str) -> int:
    port = address.rpartition(":")[2]  # of a socket in the file system, a path
    return int(_listen(server, f"127.0.0.1:{port}" if port.isdecimal() else address))


def server_program(program: str, arguments: Arguments) -> str:
    """Return what Beam is to start for a server of its own: the program, kept on loopback.

    Raises OptionError where the program is not here, or where the system cannot keep it and
    --open-ports does not say that it need not be.
    """
    found = shutil.which(program)
    if found is None:
        raise OptionError(f"{program} is no program of this machine, and Weir fetches none from it")
    on_loopback = not arguments.has("--open-ports") and is_possible()
    if not (on_loopback or arguments.has("--open-ports") or is_isolated()):
        raise OptionError(
            "Beam's servers would listen on every interface without a login, and this system does "
            "not let them be kept on loopback (it takes Linux with seccomp). Give the command a "
            "network of its own: python -m weir.infra.local.isolated weir run ...; or say "
            "--open-ports, where a firewall keeps others out"
        )
    return str(tethered(found, on_loopback=on_loopback))

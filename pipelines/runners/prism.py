"""Prism: Beam's runner for one machine, which streams; a binary of its own, written in Go."""

import shutil
import sys

from weir.infra.local import StackError
from weir.infra.local.downloads import PRISM_VERSION, fetch_prism, prism_binary
from weir.pipelines.errors import OptionError
from weir.pipelines.options.command_line import Arguments
from weir.pipelines.runners.ports import server_program

YEAR_SECONDS = 31_536_000  # a job that never ends must not time out


def prism_defaults(arguments: Arguments) -> list[str]:
    """Return the options that Prism needs; OptionError where its binary cannot be had."""
    binary = arguments.value("--prism-location") or _binary()
    return [
        "--streaming",
        # It has no state across restarts, so workers of its own would gain nothing.
        "--environment-type=LOOPBACK",
        # Its default of five minutes ends the wait for a job that goes on.
        f"--job-server-timeout={YEAR_SECONDS}",
        "--prism-log-level=warn",
        f"--prism-location={server_program(binary, arguments)}",
    ]


def _binary() -> str:
    try:
        return str(prism_binary())
    except StackError as error:
        if shutil.which("go") is None:
            raise OptionError(
                f"--runner=prism needs Prism {PRISM_VERSION}, which is neither on PATH nor in "
                "Weir's cache, and there is no Go to build it with. Install Go, or give "
                "--prism-location=BINARY."
            ) from error
    sys.stderr.write(f"weir: building Prism {PRISM_VERSION} from its source, once; minutes\n")
    try:
        return str(fetch_prism())
    except StackError as error:
        raise OptionError(
            f"--runner=prism needs Prism, and building it failed; give --prism-location. {error}"
        ) from error

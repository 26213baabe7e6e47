"""Runs a command that dies with the process that started it, even when that one is killed.

Run by path (``python tether.py PARENT_PID COMMAND...``), so that it starts without the imports of
this package.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """Ask the kernel for a SIGKILL when the parent is gone: what asks, and what it becomes."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the request above was in force
        sys.exit(1)


def main(parent: int, command: list[str]) -> None:
    """Become the command, tethered to the parent."""
    end_with(parent)
    os.execv(command[0], command)  # noqa: S606 - the caller's own command, without a shell


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])

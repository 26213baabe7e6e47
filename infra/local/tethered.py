"""Programs that others start, made to die with whoever starts them, and kept on loopback."""

import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from weir.infra.local.children import StackError
from weir.infra.local.downloads import cache_folder
from weir.infra.local.loopback import kept_on_loopback

_TETHER = Path(__file__).with_name("tether.py")


def tethered(program: str, *, on_loopback: bool = True) -> Path:
    """Return a script that runs the program until the process that started the script is gone.

    For what Beam starts by itself: it leaves its servers behind where it is killed, and they listen
    on every interface unless they are kept ``on_loopback``.
    """
    script = cache_folder() / ("tethered" if on_loopback else "open") / Path(program).name
    command = kept_on_loopback([program]) if on_loopback else [program]
    text = f'#!/bin/sh\n{tethered_line(command)} "$@"\n'
    try:
        script.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=script.parent, delete=False) as new:
            new.write(text)
        Path(new.name).chmod(0o755)
        Path(new.name).replace(script)
    except OSError as error:
        raise StackError(f"Weir's cache cannot be written: {error}") from error
    return script


def tethered_line(command: Sequence[str]) -> str:
    """Return what a shell is to run: the command, until the process that started it is gone."""
    tether = shlex.join([sys.executable, "-S", str(_TETHER)])
    return f'exec {tether} "$PPID" {shlex.join(command)}'

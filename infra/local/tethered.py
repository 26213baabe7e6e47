"""Programs that others start, made to die with whoever starts them, and kept on loopback."""

import shlex
import sys
import tempfile
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
    tether = shlex.join([sys.executable, "-S", str(_TETHER)])
    command = shlex.join(kept_on_loopback([program]) if on_loopback else [program])
    text = f'#!/bin/sh\nexec {tether} "$PPID" {command} "$@"\n'
    try:
        script.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=script.parent, delete=False) as new:
            new.write(text)
        Path(new.name).chmod(0o755)
        Path(new.name).replace(script)
    except OSError as error:
        raise StackError(f"Weir's cache cannot be written: {error}") from error
    return script

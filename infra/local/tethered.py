"""Programs that others start, made to die with whoever starts them."""

import shlex
import sys
import tempfile
from pathlib import Path

from weir.infra.local.children import StackError
from weir.infra.local.downloads import cache_folder

_TETHER = Path(__file__).with_name("tether.py")


def tethered(program: str) -> Path:
    """Return a script that runs the program until the process that started the script is gone.

    For what Beam starts by itself: it leaves its servers behind where it is killed.
    """
    script = cache_folder() / "tethered" / Path(program).name
    words = [sys.executable, "-S", str(_TETHER)]
    text = f'#!/bin/sh\nexec {shlex.join(words)} "$PPID" {shlex.quote(program)} "$@"\n'
    try:
        script.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=script.parent, delete=False) as new:
            new.write(text)
        Path(new.name).chmod(0o755)
        Path(new.name).replace(script)
    except OSError as error:
        raise StackError(f"Weir's cache cannot be written: {error}") from error
    return script

"""Folders in places that every user of a machine may write to."""

import os
import stat
import tempfile
from pathlib import Path

from weir.errors import WeirError

_OTHERS = 0o077  # the permissions of everybody else


class NotOwnError(WeirError):
    """A folder is not this user's alone; the message names it and the way out."""


def own_folder(path: Path) -> Path:
    """Return a folder that nobody else may enter, made where it is missing.

    NotOwnError where another user was there first, or it is a link: what he put there would be
    read, and what is written would go where he points.
    """
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except OSError as error:
        raise NotOwnError(
            f"The folder {path} cannot be made ({error.strerror or type(error).__name__}); set "
            "TMPDIR to a folder that this user may write to."
        ) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & _OTHERS:
        raise NotOwnError(
            f"The folder {path} is not this user's alone, so nothing is read or written there; "
            "remove it, or set TMPDIR to a folder that nobody else may write to."
        )
    return path


def temporary_folder() -> Path:
    """Return the folder of this user's in the system's temporary one; NotOwnError."""
    try:
        shared = Path(tempfile.gettempdir())
    except OSError as error:
        raise NotOwnError(
            "No temporary folder can be written to: the disk may be full. Make room, or set TMPDIR."
        ) from error
    return own_folder(shared / f"weir-{os.getuid()}")

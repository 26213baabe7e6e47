"""Weir as a package: its name on the index, its version, and how its extras are added."""

from importlib.metadata import version

# `weir` there is another project's, a library for ZFS.
NAME = "weir-moderation"


def installed_version() -> str:
    """Return the version of Weir that runs."""
    return version(NAME)


def install_command(extra: str) -> str:
    """Return the command that adds an extra, to a clone and to an installed Weir alike."""
    return f"`pip install '{NAME}[{extra}]'`"

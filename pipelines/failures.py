"""What cannot work ends in one or two sentences and exit code 2, not in a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from infra.local import StackError
from pipelines.tables import TablesError
from policies.policy import PolicyError
from transforms.judge.endpoint.settings import EndpointError
from transforms.judge.engine import EngineStartError
from transforms.read import SourceError
from transforms.screen import ScreenError
from transforms.screen.labelled import LabelsError


class OptionError(ValueError):
    """An option is wrong; the message names it, the value, and the way out."""


class NotStoppedError(Exception):
    """A job that was told to stop may still run; the message says where to look."""


EXPECTED = (
    OptionError,
    NotStoppedError,
    SourceError,
    TablesError,
    PolicyError,
    ScreenError,
    LabelsError,
    StackError,
    EndpointError,
    EngineStartError,
)


@contextmanager
def reported() -> Iterator[None]:
    """Turn an expected error into its message on stderr and SystemExit(2)."""
    try:
        yield
    except EXPECTED as error:
        sys.stderr.write(f"weir: {error}\n")
        raise SystemExit(2) from error

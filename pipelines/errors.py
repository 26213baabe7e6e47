"""What cannot work ends in one or two sentences and exit code 2, not in a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from weir.infra.local import StackError
from weir.pipelines.bigquery.tables import TablesError
from weir.policies.policy import PolicyError
from weir.transforms.judge.endpoint.settings import EndpointError
from weir.transforms.judge.engine import EngineStartError
from weir.transforms.read import SourceError
from weir.transforms.screen import ScreenError
from weir.transforms.screen.training.labelled import LabelsError


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

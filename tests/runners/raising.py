"""``weir run``, with a step after the source that raises once when it is told to.

``python -m tests.runners.raising FILE ARGUMENT...``: where the file is found, the step removes it
and raises.
"""

import sys
from pathlib import Path

import apache_beam as beam

from tests.runners.altered import run_with


class RaisedError(Exception):
    """What the step raises."""


class RaiseOnce(beam.DoFn):
    def __init__(self, file):
        self._file = file

    def process(self, batch):
        try:
            Path(self._file).unlink()
        except FileNotFoundError:
            yield batch
        else:
            raise RaisedError("as the test asked")


if __name__ == "__main__":
    raise SystemExit(run_with(RaiseOnce(sys.argv[1]), sys.argv[2:]))

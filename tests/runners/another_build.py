"""``weir run`` of another build: one with a step that this one does not have, after the source.

``python -m tests.runners.another_build FILE ARGUMENT...``: the step touches the file.
"""

import sys
from pathlib import Path

import apache_beam as beam

from tests.runners.altered import run_with


class Touch(beam.DoFn):
    def __init__(self, file):
        self._file = file

    def process(self, batch):
        Path(self._file).touch()
        yield batch


if __name__ == "__main__":
    raise SystemExit(run_with(Touch(sys.argv[1]), sys.argv[2:]))

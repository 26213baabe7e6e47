"""``weir run``, with a step after the source that raises once when it is told to.

``python -m tests.runners.raising FILE ARGUMENT...``: where the file is found, the step removes it
and raises.
"""

import sys
from pathlib import Path

import apache_beam as beam

from pipelines import graph, moderate
from transforms.read import ReadFromKafka


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


def main(file, *arguments):
    class ReadAndRaise(ReadFromKafka):
        def expand(self, begin):
            return super().expand(begin) | "RaiseOnce" >> beam.ParDo(RaiseOnce(file))

    graph.ReadFromKafka = ReadAndRaise
    return moderate.main(arguments)


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))

"""``weir run`` of another build: one with a step that this one does not have, after the source.

``python -m tests.runners.altered touch FILE ARGUMENT...``: the step touches the file. With
``raise`` for ``touch`` it removes the file and raises, once, where it finds it.
"""

import sys
from pathlib import Path

import apache_beam as beam

from weir.pipelines.job import graph, moderate
from weir.transforms.read import ReadFromKafka


class RaisedError(Exception):
    """What the step raises."""


class Touch(beam.DoFn):
    def __init__(self, file):
        self._file = file

    def process(self, batch):
        Path(self._file).touch()
        yield batch


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


def main(step, file, *arguments):
    dofn = {"touch": Touch, "raise": RaiseOnce}[step](file)

    class ReadAndMore(ReadFromKafka):
        def expand(self, begin):
            return super().expand(begin) | "AddedStep" >> beam.ParDo(dofn)

    vars(graph)["ReadFromKafka"] = ReadAndMore
    return moderate.main(arguments)


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))

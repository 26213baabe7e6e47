"""``weir run`` with one more step after the source."""

import apache_beam as beam

from pipelines import graph, moderate
from transforms.read import ReadFromKafka


def run_with(step, arguments):
    """Run the command with a DoFn that is given every batch of messages; return its exit code."""

    class ReadAndMore(ReadFromKafka):
        def expand(self, begin):
            return super().expand(begin) | "AddedStep" >> beam.ParDo(step)

    graph.ReadFromKafka = ReadAndMore
    return moderate.main(arguments)

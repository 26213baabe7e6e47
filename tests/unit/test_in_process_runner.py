"""The in-process runner's metrics, over many bundles."""

import itertools

from apache_beam.metrics import monitoring_infos
from apache_beam.runners.portability.fn_api_runner import fn_runner

from weir.pipelines.runners.in_process import add_up_at_once


def test_the_counts_of_more_bundles_than_python_may_recurse_are_added_up():
    add_up_at_once()
    of_bundle = monitoring_infos.int64_user_counter("weir", "messages", 2)
    total: list = []
    for _ in range(2_000):
        total = fn_runner.consolidate_monitoring_infos(itertools.chain([of_bundle], total))
    (only,) = total
    assert monitoring_infos.extract_counter_value(only) == 4_000

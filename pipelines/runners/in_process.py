"""Beam's in-process runner, made fit for a job of many bundles, and of several processes."""

import shlex
from collections.abc import Iterable
from typing import Any

from apache_beam.metrics.monitoring_infos import consolidate
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.transforms import environments

from weir.infra.local.tethered import tethered_line

_environment = environments.SubprocessSDKEnvironment.from_command_string


def add_up_at_once() -> None:
    """Make the runner add up the metrics of each bundle as it ends.

    Beam wraps one lazy generator around another for each bundle: asked for its metrics after
    about a thousand of them a job fails with RecursionError, and keeps all of them until then.
    """
    fn_runner.consolidate_monitoring_infos = _added_up


def _added_up(metrics: Iterable[Any]) -> list[Any]:
    return list(consolidate(metrics))


def tether_workers() -> None:
    """Have the runner's worker processes end with this one, even when it is killed."""
    environments.SubprocessSDKEnvironment.from_command_string = _tethered


def _tethered(command_string: str) -> environments.SubprocessSDKEnvironment:
    return _environment(tethered_line(shlex.split(command_string)))

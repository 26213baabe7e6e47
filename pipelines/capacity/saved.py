"""Workloads kept as files, so that plans can be laid beside each other."""

import json
from dataclasses import asdict, fields
from pathlib import Path

from weir.pipelines.capacity.plan import PlanError, Workload

_MOST = 100_000  # bytes of a file
_NAMES = {each.name: each.type for each in fields(Workload)}


def save(workload: Workload, path: Path) -> None:
    """Write a workload to a file, in place of what is there; PlanError where that cannot be."""
    try:
        path.write_text(json.dumps(asdict(workload), indent=2) + "\n", "utf-8")
    except OSError as error:
        raise PlanError(f"--save {path} cannot be written: {error.strerror}") from error


def read(path: Path) -> Workload:
    """Return the workload of a file. PlanError for one that no --save has written."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(_MOST))
    except OSError as error:
        raise PlanError(f"--beside {path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise PlanError(f"--beside {path} is no plan: give a file that --save wrote") from error
    if not isinstance(found, dict) or not found.keys() <= _NAMES.keys():
        raise PlanError(f"--beside {path} is no plan: give a file that --save wrote")
    try:
        return Workload(**found)
    except TypeError as error:
        raise PlanError(f"--beside {path} is no plan: give a file that --save wrote") from error

"""The images' entry point as an image would run it: in an environment that knows nothing else."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from weir.infra.images import FOLDER


def as_in_an_image(
    home: Path, arguments: list[str], more: Mapping[str, str] | None = None
) -> list[str]:
    """Return the command of the entry point, which has a home, PATH and the network's isolation.

    ``more`` are further variables of its environment.
    """
    places = {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "WEIR_CACHE": os.environ.get("WEIR_CACHE") or str(Path.home() / ".cache" / "weir"),
    }
    kept = [f"{name}={value}" for name, value in (places | dict(more or {})).items()]
    return ["/usr/bin/env", "-i", *kept, "/bin/sh", str(FOLDER / "entrypoint.sh"), *arguments]


# What the chart says of a job beside its options, but for addresses, folders and numbers.
IN_THE_CHART = {
    "runner": "flink",
    "stages": "all",
    "supervised": True,
    "log-format": "json",
    "drain-seconds": 120,
}
BEAM_IN_THE_CHART = {"environment-type": "EXTERNAL"}
ADDRESSES = ("environment-config", "flink-master")  # of beam's

"""Whether values of your own make manifests that fit, and jobs that Weir takes; needs no cluster.

``python -m weir.infra.checks gpu my.yaml`` (``make check-values SIZE=gpu VALUES=my.yaml``) takes
one of the chart's sizes and files of values, as helm would after one another.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from weir.infra.checks.checkers import (
    CHART,
    INFRA,
    SIZES,
    RefusedError,
    jobs,
    misfits,
    rendered_of,
)
from weir.infra.local.children import StackError


def problems(values: Sequence[str]) -> list[str]:
    """Return what is wrong with files of values: helm's refusal, or what does not fit."""
    try:
        made = rendered_of(INFRA, [f"--values={each}" for each in values])
    except RefusedError as error:
        return str(error).splitlines()
    return misfits(INFRA, made) or _refused(jobs(made))


def _refused(texts: Mapping[str, str]) -> list[str]:
    """Return what Weir says of jobs that it does not take."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{name}.yaml" for name in texts]
        for file, text in zip(files, texts.values(), strict=True):
            file.write_text(text, "utf-8")
        weir = [str(Path(sys.executable).with_name("weir")), "config", "check"]
        done = [
            subprocess.run(  # noqa: S603 - our own command, without a shell
                [*weir, file.name], cwd=folder, capture_output=True, text=True, check=False
            )
            for file in files
        ]
    return [line for each in done if each.returncode for line in each.stderr.splitlines() if line]


def main(arguments: Sequence[str]) -> int:
    """Print what is wrong; return the exit code."""
    size, *files = arguments or [""]
    if size not in SIZES or not files:
        sys.stderr.write(f"Give a size ({', '.join(SIZES)}) and a file of your values.\n")
        return 2
    missing = [each for each in files if not Path(each).is_file()]
    if missing:
        sys.stderr.write(f"There is no file {', '.join(missing)}.\n")
        return 2
    try:
        found = problems([str(INFRA / CHART / f"values-{size}.yaml"), *files])
    except StackError as error:
        found = [str(error)]
    sys.stdout.write("".join(f"{each}\n" for each in found) or "Nothing is wrong.\n")
    return 2 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

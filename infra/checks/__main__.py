"""Whether values of your own make manifests that fit, and jobs that Weir takes; needs no cluster.

``python -m weir.infra.checks gpu my.yaml`` (``make check-values SIZE=gpu VALUES=my.yaml``) takes
one of the chart's sizes and files of values, as helm would after one another.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

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

_OPTIONS = (("job",), ("screen", "options"), ("judge", "options"))  # where they are in values


def problems(values: Sequence[str]) -> list[str]:
    """Return what is wrong with files of values: helm's refusal, or what does not fit."""
    try:
        made = rendered_of(INFRA, [f"--values={each}" for each in values])
    except RefusedError as error:
        # Helm's schema says of a value what type it has, and of a name that it is not there.
        wrong = [line for each in values for line in _wrong_options(Path(each))]
        return wrong or str(error).splitlines()
    return misfits(INFRA, made) or _refused(
        {f"{name}.yaml": job for name, job in jobs(made).items()}
    )


def _wrong_options(file: Path) -> list[str]:
    """Return what Weir says of single options in a file of values, each with its line."""
    said = [
        line for text in _options(file.read_text("utf-8")) for line in _refused({file.name: text})
    ]
    line = re.compile(rf"weir: {re.escape(file.name)}:[0-9]+: ")
    return [each.removeprefix("weir: ") for each in said if line.match(each)]


def _options(values: str) -> Iterator[str]:
    """Yield each mapping of a job's options by itself, where it stands in a file of values."""
    for place in _OPTIONS:
        node = yaml.compose(values, Loader=yaml.SafeLoader)
        for key in place:
            pairs = node.value if isinstance(node, yaml.MappingNode) else []
            node = next((value for name, value in pairs if name.value == key), None)
        if isinstance(node, yaml.MappingNode) and node.value:
            start = node.start_mark
            inside = values[start.index : node.end_mark.index]
            yield "\n" * start.line + " " * start.column + inside


def _refused(texts: Mapping[str, str]) -> list[str]:
    """Return what Weir says of jobs that it does not take, by the names of their files."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in texts]
        for file, text in zip(files, texts.values(), strict=True):
            file.write_text(text, "utf-8")
        weir = [str(Path(sys.executable).with_name("weir")), "config", "check", "--elsewhere"]
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

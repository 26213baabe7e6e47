"""The process that the console started: ``weir replay`` or ``weir run``, and how it ended."""

import sys
from pathlib import Path

from weir.pipelines.commands import replay
from weir.pipelines.console.runs.processes import DEFERRED, read_asked, write_code
from weir.pipelines.job import moderate


def run(path: Path) -> int:
    """Run what a folder asks for, and keep its exit code there."""
    code = 1
    try:
        asked = read_asked(path)
        work = moderate.main if asked.what == DEFERRED else replay.main
        code = work(asked.arguments)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        write_code(path, code)
    return code


if __name__ == "__main__":
    raise SystemExit(run(Path(sys.argv[1])))

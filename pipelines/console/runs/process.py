"""The process of a replay that the console started: ``weir replay``, and how it ended."""

import sys
from pathlib import Path

from weir.pipelines.commands.replay import main
from weir.pipelines.console.runs.processes import read_asked, write_code


def run(path: Path) -> int:
    """Run what a folder asks for, and keep its exit code there."""
    code = 1
    try:
        code = main(read_asked(path).arguments)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        write_code(path, code)
    return code


if __name__ == "__main__":
    raise SystemExit(run(Path(sys.argv[1])))

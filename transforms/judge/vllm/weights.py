"""Where a model's weights are: what vLLM reads itself, or an object-store prefix copied here."""

import fcntl
import hashlib
import shutil
from pathlib import Path
from typing import Any

from weir.policies.storage import filesystems, is_remote
from weir.transforms.judge.engine import EngineStartError
from weir.transforms.process.own_folder import NotOwnError, own_folder, temporary_folder

_CHUNK = 16 << 20
_KEPT = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.model")


def local_weights(model: str, folder: Path | None = None) -> str:
    """Return what to name to vLLM for a folder, a hub name or a prefix such as gs://bucket/model.

    A folder and a hub name come back as they are. The files directly under a prefix are copied,
    through Beam's filesystems, to a folder of their own below ``folder`` (the user's in the
    machine's temporary one), once for all of a user's processes. EngineStartError where they
    cannot be.
    """
    if not is_remote(model):
        return model
    digest = hashlib.sha256(model.encode()).hexdigest()[:16]
    try:
        target = own_folder((folder or temporary_folder()) / f"weights-{digest}")
    except NotOwnError as error:
        raise EngineStartError(str(error)) from error
    with (target / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be copying them
        copy_files(model, target)
    return str(target)


def copy_files(prefix: str, target: Path) -> None:
    """Copy the files of a checkpoint that are directly under a prefix, but for those it has."""
    from apache_beam.io.filesystem import BeamIOError

    root = prefix.rstrip("/")
    try:
        matches = filesystems().match([f"{root}/{pattern}" for pattern in _KEPT])
        files = [file for match in matches for file in match.metadata_list]
        if not any(file.path.endswith("/config.json") for file in files):
            raise EngineStartError(
                f"{prefix} holds no config.json, so it is no checkpoint; name the prefix that "
                "the model's config.json is directly under"
            )
        for file in files:
            _copy(file, target / file.path.rpartition("/")[2])
    except (BeamIOError, OSError, ValueError) as error:
        raise EngineStartError(
            f"The weights cannot be copied from {prefix} to {target}: {error}"
        ) from error


def _copy(file: Any, target: Path) -> None:
    if target.exists() and target.stat().st_size == file.size_in_bytes:
        return
    partial = target.with_name(f"{target.name}.partial")
    with filesystems().open(file.path) as source, partial.open("wb") as sink:
        shutil.copyfileobj(source, sink, _CHUNK)
    partial.replace(target)

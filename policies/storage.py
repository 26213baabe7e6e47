"""Files that a person names: on this machine, or under any prefix that Beam's filesystems read."""

import errno
import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

_MOST_STAMPED = 256 << 20  # no file that is stamped may be larger, see those who read it


def is_remote(path: str) -> bool:
    """Return whether a path is a URL, such as gs://bucket/folder."""
    return "://" in path


def filesystems() -> Any:
    """Return Beam's filesystems, with options where no pipeline gave any: s3:// opens none without.

    An endpoint, a region and a login are then those of the environment (AWS_ENDPOINT_URL_S3, ...).
    """
    from apache_beam.io.filesystems import FileSystems  # seconds; a local file needs none of it

    if FileSystems._pipeline_options is None:
        from apache_beam.options.pipeline_options import PipelineOptions

        FileSystems.set_options(PipelineOptions([]))
    return FileSystems


def read(path: str, most_bytes: int) -> bytes:
    """Return the bytes of a file; OSError where it cannot be read, or holds more than so many.

    Only a regular file is read: a pipe would hang a job that looks at it again, and a device may
    never end.
    """
    if is_remote(path):
        with filesystems().open(path) as stream:
            content: bytes = stream.read(most_bytes + 1)
    else:
        with open(path, "rb", opener=_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EINVAL, "it is no regular file")
            content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {most_bytes >> 10:,} KiB")
    return content


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # or opening a pipe waits for a writer


def write(path: str, content: bytes) -> None:
    """Write a file, whole or not at all, and the folders above it; OSError or BeamIOError."""
    if is_remote(path):
        with filesystems().create(path) as stream:
            stream.write(content)
        return
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def exists(path: str) -> bool:
    """Return whether there is such a file."""
    if not is_remote(path):
        return Path(path).exists()
    return bool(filesystems().exists(path))


def stamps(folder: str, pattern: str) -> list[tuple[str, str]]:
    """Return the files in a folder that match a pattern, by name, each with a stamp.

    A file that is written again has another stamp. OSError or BeamIOError where the folder cannot
    be listed.
    """
    if is_remote(folder):
        (matched,) = filesystems().match([f"{folder}/{pattern}"])
        files = []
        for each in matched.metadata_list:
            updated = each.last_updated_in_seconds  # 0 where the store does not say
            stamp = f"{each.size_in_bytes}:{updated}" if updated else _digest(each.path)
            files.append((each.path, stamp))
        return sorted(files)
    found = []
    for file in Path(folder).glob(pattern):
        with suppress(FileNotFoundError):  # it is gone since
            status = file.stat()
            # Of its change, not of its writing: that one a copy may take over from the original.
            found.append((str(file), f"{status.st_ino}:{status.st_size}:{status.st_ctime_ns}"))
    return sorted(found)


def _digest(path: str) -> str:
    return hashlib.sha256(read(path, _MOST_STAMPED)).hexdigest()

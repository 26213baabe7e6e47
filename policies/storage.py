"""Files that a person names: on this machine, or under any prefix that Beam's filesystems read."""

import hashlib
from contextlib import suppress
from pathlib import Path


def is_remote(path: str) -> bool:
    """Return whether a path is a URL, such as gs://bucket/folder."""
    return "://" in path


def read(path: str) -> bytes:
    """Return the bytes of a file; OSError where it cannot be read."""
    if not is_remote(path):
        return Path(path).read_bytes()
    from apache_beam.io.filesystems import FileSystems  # seconds; a local file needs none of it

    with FileSystems.open(path) as stream:
        content: bytes = stream.read()
        return content


def exists(path: str) -> bool:
    """Return whether there is such a file."""
    if not is_remote(path):
        return Path(path).exists()
    from apache_beam.io.filesystems import FileSystems

    return bool(FileSystems.exists(path))


def stamps(folder: str, pattern: str) -> list[tuple[str, str]]:
    """Return the files in a folder that match a pattern, by name, each with a stamp.

    A file that is written again has another stamp. OSError or BeamIOError where the folder cannot
    be listed.
    """
    if is_remote(folder):
        from apache_beam.io.filesystems import FileSystems

        (matched,) = FileSystems.match([f"{folder}/{pattern}"])
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
    return hashlib.sha256(read(path)).hexdigest()

"""Files that a person names: on this machine, or under any prefix that Beam's filesystems read."""

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

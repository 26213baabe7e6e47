"""Files elsewhere, through Beam's filesystems."""

import io

import pytest
from apache_beam.io.filesystem import FileMetadata, FileSystem, MatchResult
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from weir.policies import storage


class Needy(FileSystem):
    """Like S3's, opens nothing without a pipeline's options."""

    def __init__(self, pipeline_options):
        super().__init__(pipeline_options)
        self.options = pipeline_options

    @classmethod
    def scheme(cls):
        return "needy"

    def _file(self, *_args, **_more):
        if self.options is None:
            raise ValueError("no options")
        return io.BytesIO(b"text")

    open = create = _file

    def exists(self, path):
        return bool(self._file(path))

    def match(self, patterns, limits=None):
        self._file()
        return [MatchResult(patterns[0], [FileMetadata(patterns[0], 4, 1.0)])]

    def join(self, *parts):
        return "/".join(parts)

    def _list(self, *_): ...
    def _unused(self, *_): ...

    split = mkdirs = has_dirs = copy = rename = size = last_updated = _unused
    checksum = metadata = delete = _unused


@pytest.mark.parametrize(
    "use",
    [
        lambda path: storage.read(path, 100),
        lambda path: storage.write(path, b"text"),
        storage.exists,
        lambda path: storage.stamps(path, "*"),
    ],
    ids=["read", "write", "exists", "stamps"],
)
def test_a_file_elsewhere_is_reached_before_there_is_a_pipeline(monkeypatch, use):
    monkeypatch.setattr(FileSystems, "_pipeline_options", None)
    use("needy://bucket/file")


def test_the_options_of_a_pipeline_stay(monkeypatch):
    options = PipelineOptions([])
    monkeypatch.setattr(FileSystems, "_pipeline_options", options)
    storage.exists("needy://bucket/file")
    assert FileSystems._pipeline_options is options

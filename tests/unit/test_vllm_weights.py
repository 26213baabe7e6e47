"""Weights in an object store are copied once; what vLLM reads itself is left to it."""

import pytest

from weir.transforms.judge.engine import EngineStartError
from weir.transforms.judge.vllm.weights import copy_files, local_weights


@pytest.fixture
def checkpoint(tmp_path):
    folder = tmp_path / "bucket" / "model"
    (folder / "original").mkdir(parents=True)
    for name in ("config.json", "model-00001.safetensors", "original/model.bin", "README.md"):
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.mark.parametrize("model", ["/models/judge", "openai/gpt-oss-safeguard-20b", "models/mine"])
def test_a_folder_and_a_hub_name_are_left_to_vllm(model):
    assert local_weights(model) == model


def test_the_files_directly_under_a_prefix_are_copied_and_only_what_a_model_needs(
    checkpoint, tmp_path
):
    target = tmp_path / "local"
    target.mkdir()
    copy_files(f"{checkpoint}/", target)
    assert {file.name for file in target.iterdir()} == {"config.json", "model-00001.safetensors"}
    assert (target / "config.json").read_bytes() == b"config.json"


def test_what_was_copied_before_is_not_copied_again(checkpoint, tmp_path):
    target = tmp_path / "local"
    target.mkdir()
    copy_files(str(checkpoint), target)
    before = {file.name: file.stat().st_mtime_ns for file in target.iterdir()}
    (checkpoint / "model-00001.safetensors").write_bytes(b"longer than it was before")
    copy_files(str(checkpoint), target)
    after = {file.name: file.stat().st_mtime_ns for file in target.iterdir()}
    assert before["config.json"] == after["config.json"]
    assert before["model-00001.safetensors"] != after["model-00001.safetensors"]


def test_a_prefix_without_a_checkpoint_is_refused_by_name(checkpoint, tmp_path):
    with pytest.raises(EngineStartError, match=r"original holds no config\.json"):
        copy_files(f"{checkpoint}/original", tmp_path)


def test_a_store_that_nothing_here_can_read_is_refused_by_name():
    with pytest.raises(EngineStartError, match="nostore://bucket/model"):
        local_weights("nostore://bucket/model")

"""What is left of an engine whose host is killed or leaves, and what is said where none starts."""

import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from weir.transforms.judge.engine import EngineStartError
from weir.transforms.judge.vllm.engine import VllmEngine


@contextmanager
def worker(checkpoint, then):
    """A worker process, the processes of its engine, and the file that it writes errors to."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.engine.worker", str(checkpoint), then]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            assert process.stdout is not None
            said = process.stdout.readline().split()
            errors.seek(0)
            assert said, errors.read()[-2000:]
            yield process, [int(pid) for pid in said], errors
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def test_no_engine_process_outlives_a_killed_worker(checkpoint):
    with worker(checkpoint, "stay") as (process, pids, _):
        assert all(is_running(pid) for pid in pids)
        process.kill()
        process.wait()
        deadline = time.monotonic() + 120  # 5 on a machine that does nothing else
        while left := [pid for pid in pids if is_running(pid)]:
            assert time.monotonic() < deadline, left
            time.sleep(0.1)


def test_a_worker_that_leaves_with_work_undone_leaves_no_process_and_no_traceback(checkpoint):
    with worker(checkpoint, "leave") as (process, pids, errors):
        assert process.wait(600) == 0
        errors.seek(0)
        assert "Traceback" not in errors.read()
        assert [pid for pid in pids if is_running(pid)] == []


def test_too_little_memory_is_one_sentence_that_names_the_settings_to_lower(settings):
    with pytest.raises(EngineStartError) as error:
        VllmEngine(replace(settings, kv_cache_memory_bytes=1 << 20))
    message = str(error.value)
    assert "max_num_seqs (32)" in message
    assert "max_model_len" in message
    assert "Traceback" not in message


def test_a_model_that_is_not_there_is_one_sentence_that_names_it(settings, tmp_path):
    with pytest.raises(EngineStartError, match="no-such-model"):
        VllmEngine(replace(settings, model=str(tmp_path / "no-such-model")))

"""What another user of the machine made beforehand is neither read nor written to."""

import errno
import os

import pytest

from weir.pipelines.monitoring import status
from weir.transforms.judge.engine import EngineStartError
from weir.transforms.judge.vllm.weights import local_weights
from weir.transforms.process.own_folder import NotOwnError, own_folder, temporary_folder


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """The machine's temporary folder, and this user's in it, which nobody has made yet."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    return tmp_path / f"weir-{os.getuid()}"


def another_users(monkeypatch):
    """Make every folder that is there another user's."""
    mine = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: mine + 1)


def test_a_folder_is_made_for_this_user_alone_whatever_the_umask(shared):
    before = os.umask(0)
    try:
        assert temporary_folder() == shared
    finally:
        os.umask(before)
    assert shared.stat().st_mode & 0o777 == 0o700
    assert temporary_folder() == shared


@pytest.mark.parametrize("mode", [0o777, 0o750, 0o701])
def test_a_folder_that_others_may_enter_is_refused(tmp_path, mode):
    (tmp_path / "weir").mkdir()
    (tmp_path / "weir").chmod(mode)
    with pytest.raises(NotOwnError, match="not this user's alone"):
        own_folder(tmp_path / "weir")


def test_another_users_folder_is_refused(tmp_path, monkeypatch):
    (tmp_path / "weir").mkdir(mode=0o700)
    another_users(monkeypatch)
    with pytest.raises(NotOwnError, match="not this user's alone"):
        own_folder(tmp_path / "weir")


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "weir").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotOwnError, match="not this user's alone"):
        own_folder(tmp_path / "weir")


def test_a_file_in_its_place_is_said(tmp_path):
    (tmp_path / "weir").write_text("")
    with pytest.raises(NotOwnError, match="cannot be made"):
        own_folder(tmp_path / "weir")


def test_weights_are_not_copied_to_where_a_link_points_and_its_target_stays_whole(shared):
    victim = shared.parent / "victim"
    victim.write_text("keep me")
    shared.symlink_to(victim.parent)
    with pytest.raises(EngineStartError, match="not this user's alone"):
        local_weights("nostore://bucket/model")
    assert victim.read_text() == "keep me"


def test_a_job_runs_on_where_its_numbers_cannot_be_shown_and_says_so(shared, caplog):
    shared.mkdir()
    shared.chmod(0o777)
    with status.publish("nightly", every_seconds=0.01):
        pass
    assert "weir status will not show this job" in caplog.text


def test_a_job_whose_numbers_can_no_longer_be_written_is_not_shown_with_old_ones(
    shared, monkeypatch, caplog
):
    with status.publish("nightly", every_seconds=0.01):
        while not status.local_jobs():
            pass

        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("pathlib.Path.write_text", full)
        while status.local_jobs():
            pass
    assert caplog.text.count("No space left on device") == 1


def test_a_job_that_ends_while_the_folder_is_listed_is_not_there(shared, monkeypatch):
    with status.publish("nightly", every_seconds=0.01):
        while not (jobs := list(status.folder().glob("*.json"))):
            pass
    monkeypatch.setattr("pathlib.Path.glob", lambda *_: iter(jobs))
    assert status.local_jobs() == []

"""What the machine lacks is said in a sentence with the way out, and no traceback."""

import builtins
import importlib
import pwd
from pathlib import Path

import pytest
from typer.testing import CliRunner

from weir.infra.local import StackError
from weir.infra.local.downloads import cache_folder
from weir.pipelines.commands.cli import app
from weir.pipelines.errors import OptionError, report_errors
from weir.pipelines.runners import job_options
from weir.pipelines.runners.flink import _state_folder


def said(capsys, act):
    with pytest.raises(SystemExit) as ended, report_errors():
        act()
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_an_extra_that_is_not_installed_is_named_with_its_command(capsys):
    def act():
        raise ModuleNotFoundError("No module named 'sklearn.linear_model'", name="sklearn.linear")

    assert "scikit-learn: `pip install 'weir-moderation[screen]'`" in said(capsys, act)


def test_a_module_that_no_extra_has_is_a_defect():
    with pytest.raises(ModuleNotFoundError), report_errors():
        importlib.import_module("weir.no_such_module")


def test_a_full_disk_is_said(capsys):
    with Path("/dev/full").open("wb", buffering=0) as full:
        assert "The disk is full" in said(capsys, lambda: full.write(b"a"))


def test_a_file_that_cannot_be_used_is_named(capsys, tmp_path):
    there = tmp_path / "file" / "card.json"
    there.parent.write_text("")
    assert f"{there}: Not a directory" in said(capsys, lambda: there.write_text("a"))


def test_training_without_scikit_learn_is_said_before_anything_is_read(monkeypatch, tmp_path):
    real = builtins.__import__

    def without(name, *rest, **named):
        if name.partition(".")[0] == "sklearn":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest, **named)

    for name in ("train", "fit", "card"):
        monkeypatch.delitem(
            importlib.import_module("sys").modules,
            f"weir.transforms.screen.training.{name}",
            raising=False,
        )
    monkeypatch.setattr(builtins, "__import__", without)
    ended = CliRunner().invoke(app, ["screen", "train", "--out", str(tmp_path / "screen")])
    assert ended.exit_code == 2
    assert "This needs scikit-learn" in ended.output


@pytest.fixture
def homeless(monkeypatch):
    """A user without a home, as in a container under a random number."""

    def unknown(_):
        raise KeyError

    for name in ("HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "WEIR_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_a_user_without_a_home_is_told_where_to_name_a_cache(homeless):
    with pytest.raises(StackError, match="set WEIR_CACHE"):
        cache_folder()


def test_a_user_without_a_home_is_told_to_name_the_checkpoints(homeless):
    with pytest.raises(OptionError, match="give --checkpoints"):
        _state_folder()


@pytest.mark.parametrize("name", ["spark", "SparkRunner"])
def test_spark_is_refused_before_anything_is_fetched(name):
    with pytest.raises(OptionError, match="is not supported: Weir is run on prism, flink"):
        job_options([f"--runner={name}"])


def test_a_portable_runner_without_a_job_server_is_refused():
    with pytest.raises(OptionError, match="needs --job-endpoint"):
        job_options(["--runner=portable"])


@pytest.mark.parametrize("path", ["no.such.Runner", "collections.NoRunner", ".Runner"])
def test_a_runner_that_cannot_be_imported_is_refused(path):
    with pytest.raises(OptionError, match="no class of Python's"):
        job_options([f"--runner={path}"])

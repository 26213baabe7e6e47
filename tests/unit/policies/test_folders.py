"""Where policies are read from."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from apache_beam.io.filesystem import FileMetadata, MatchResult
from apache_beam.io.localfilesystem import LocalFileSystem

from tests.unit.policies.cases import (
    DOCUMENT,
    EXAMPLES,
    folder,
)
from weir.policies.loading import load_policies, policy_stamps
from weir.policies.policy import PolicyError


def test_policies_come_ordered_by_id_whatever_their_folders_are_called(tmp_path: Path) -> None:
    folder(tmp_path, "1", DOCUMENT.replace("id: loans", "id: zebra"))
    folder(tmp_path, "2")
    (tmp_path / "notes.md").write_text("not a policy")
    assert [p.policy_id for p in load_policies(tmp_path).policies] == ["loans", "zebra"]


def test_a_policy_needs_no_golden_cases(tmp_path: Path) -> None:
    folder(tmp_path, "loans")
    assert load_policies(str(tmp_path) + "/")["loans"].examples == ()


def test_a_retired_policy_is_left_out(tmp_path: Path) -> None:
    retired = DOCUMENT.replace("id: loans", "id: old\nstatus: retired")
    folder(tmp_path, "loans")
    folder(tmp_path, "old", retired)
    assert [p.policy_id for p in load_policies(tmp_path).policies] == ["loans"]


def test_a_set_that_would_moderate_nothing_is_refused(tmp_path: Path) -> None:
    folder(tmp_path, "old", DOCUMENT.replace("id: loans", "id: old\nstatus: retired"))
    with pytest.raises(PolicyError, match="every policy is retired"):
        load_policies(tmp_path)


def test_two_policies_with_one_id_are_refused_and_both_are_named(tmp_path: Path) -> None:
    folder(tmp_path, "first")
    folder(tmp_path, "second")
    with pytest.raises(PolicyError, match=r"second/policy\.md: the id 'loans' .*first/policy\.md"):
        load_policies(tmp_path)


def test_a_folder_without_policies_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no policy here"):
        load_policies(tmp_path)
    with pytest.raises(PolicyError, match="no such folder"):
        load_policies(tmp_path / "missing")


def test_a_policy_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loans" / "policy.md").mkdir(parents=True)
    with pytest.raises(PolicyError, match=r"loans/policy\.md: it cannot be read"):
        load_policies(tmp_path)


def test_a_pipe_in_a_policys_place_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "loans").mkdir()
    os.mkfifo(tmp_path / "loans" / "policy.md")
    with pytest.raises(
        PolicyError, match=r"loans/policy\.md: it cannot be read \(it is no regular"
    ):
        load_policies(tmp_path)


def test_a_device_in_the_place_of_examples_is_refused_and_not_read_for_ever(tmp_path: Path) -> None:
    (folder(tmp_path, "loans") / "examples.csv").symlink_to("/dev/zero")
    with pytest.raises(PolicyError, match=r"examples\.csv: it cannot be read \(it is no regular"):
        load_policies(tmp_path)


def test_a_document_that_no_model_would_follow_for_its_length_is_refused(tmp_path: Path) -> None:
    folder(tmp_path, "loans", DOCUMENT + "one more line\n" * 40_000)
    with pytest.raises(PolicyError, match=r"it is larger than 512 KiB"):
        load_policies(tmp_path)


def test_a_link_to_nowhere_does_not_take_its_policy_out_of_force(tmp_path: Path) -> None:
    folder(tmp_path, "other")
    (tmp_path / "loans").mkdir()
    (tmp_path / "loans" / "policy.md").symlink_to("nowhere")
    with pytest.raises(PolicyError, match=r"loans/policy\.md:1: the document is missing"):
        load_policies(tmp_path)


class Shelf(LocalFileSystem):
    """Local files under a scheme of their own, as an object store's are."""

    @classmethod
    def scheme(cls) -> str:
        return "shelf"

    def match(self, patterns: list[str], limits: Any = None) -> list[MatchResult]:
        (found,) = super().match([p.removeprefix("shelf://") for p in patterns], limits)
        listed = [FileMetadata("shelf://" + m.path, m.size_in_bytes) for m in found.metadata_list]
        return [MatchResult(patterns[0], listed)]

    def open(self, path: str, *arguments: Any) -> Any:
        return super().open(path.removeprefix("shelf://"), *arguments)

    def exists(self, path: str) -> bool:
        exists: bool = super().exists(path.removeprefix("shelf://"))
        return exists


def test_an_object_store_gives_the_same_policies_as_a_folder(tmp_path: Path) -> None:
    folder(tmp_path, "loans", examples=EXAMPLES + "a,safe,,\n")
    folder(tmp_path, "none", DOCUMENT.replace("id: loans", "id: none"))
    from_store = load_policies(f"shelf://{tmp_path}")
    assert from_store == load_policies(tmp_path)
    assert from_store.version == load_policies(tmp_path).version


def test_an_edit_in_an_object_store_that_knows_no_times_is_seen_though_its_size_is_the_same(
    tmp_path: Path,
) -> None:
    folder(tmp_path, "loans")
    before = policy_stamps(f"shelf://{tmp_path}")
    assert before == policy_stamps(f"shelf://{tmp_path}")
    document = tmp_path / "loans" / "policy.md"
    document.write_text(document.read_text().swapcase())
    after = policy_stamps(f"shelf://{tmp_path}")
    assert [path for path, _ in after] == [path for path, _ in before]
    assert after != before


def test_a_prefix_that_no_filesystem_reads_is_refused() -> None:
    with pytest.raises(PolicyError, match="nosuch://bucket: the policies cannot be listed"):
        load_policies("nosuch://bucket")


def test_a_local_folder_is_read_without_importing_beam() -> None:
    program = (
        "import sys; from weir.policies.loading import LIBRARY, load_policies; "
        "load_policies(LIBRARY); assert 'apache_beam' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=240)

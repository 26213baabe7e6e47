"""Where a screen that is taught lies, and when it is another."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import cold_posts
from tests.reading import encoder, reader, screen
from weir.policies import storage
from weir.transforms.screen import ScreenError
from weir.transforms.screen.model import MODEL_FILE, Screen, ScreenSource
from weir.transforms.screen.second_stage.encoder import Encoder
from weir.transforms.screen.second_stage.screen import ReadingScreen, ReadingSource
from weir.transforms.screen.teaching.folder import TaughtFolder


def other() -> Screen:
    base = cold_posts.base()
    return base.with_thresholds(base.thresholds / 2)


@pytest.fixture
def folder(tmp_path: Path) -> TaughtFolder:
    cold_posts.base().save(tmp_path / "base", {"heads": []})
    made = TaughtFolder(str(tmp_path / "taught"), reads=False)
    made.begin(ScreenSource.of(tmp_path / "base"))
    return made


def versions(folder: TaughtFolder) -> tuple[str, str]:
    return folder.live().version, folder.shadow().version


def test_it_begins_with_one_screen_on_both_sides_and_says_which(folder) -> None:
    base = cold_posts.base().version
    assert versions(folder) == (base, base)
    assert folder.began_with() == base


def test_a_folder_that_holds_nothing_began_with_nothing(tmp_path: Path) -> None:
    assert TaughtFolder(str(tmp_path / "none"), reads=False).began_with() is None


def test_screens_swap_their_places_and_their_cards(folder) -> None:
    base = cold_posts.base().version
    folder.put_in_shadow(other(), {"heads": [{"policy_id": "other"}]})
    assert versions(folder) == (base, other().version)
    folder.swap()
    assert versions(folder) == (other().version, base)
    assert '"policy_id": "other"' in folder.live().card()
    assert folder.began_with() == base


def ends_at(path: str, change: Callable[[], None]) -> None:
    """Make a change of the folder that ends as it comes to one of its files."""
    write = storage.write

    def ended(to: str, content: bytes) -> None:
        if to == path:
            raise OSError("the disk is gone")
        write(to, content)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "write", ended)
        with pytest.raises(OSError, match="the disk is gone"):
            change()


def test_a_swap_that_ends_half_way_leaves_what_decided_to_be_brought_back(folder) -> None:
    base = cold_posts.base().version
    folder.put_in_shadow(other(), {})
    ends_at(f"{folder.shadow_path}/card.json", folder.swap)
    assert versions(folder) == (other().version, other().version)
    folder.bring_back()
    assert versions(folder) == (other().version, base)


def test_nothing_is_brought_back_of_what_began_with_another_screen(folder, tmp_path: Path) -> None:
    folder.put_in_shadow(other(), {})
    folder.swap()
    other().save(tmp_path / "another", {})
    folder.begin(ScreenSource.of(tmp_path / "another"))
    folder.bring_back()
    assert versions(folder) == (other().version, other().version)


def test_a_reader_beside_a_screen_of_another_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, base = reading(tmp_path, monkeypatch)
    assert versions(folder) == (base.version, base.version)
    reader("a", gate=0.7).save(folder.path)
    with pytest.raises(ScreenError, match="of two versions"):
        folder.live()


def reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[TaughtFolder, ReadingSource]:
    """Return a folder of screens that read, and what it began with."""
    monkeypatch.setattr(Encoder, "load", encoder)
    both(0.5).save(tmp_path / "base", {"screen_version": screen("a").version})
    folder, base = TaughtFolder(str(tmp_path / "taught"), True), ReadingSource.of(tmp_path / "base")
    folder.begin(base)
    return folder, base


def both(gate: float) -> ReadingScreen:
    return ReadingScreen.over(screen("a"), reader("a", gate=gate), encoder())


def test_a_folder_whose_second_stage_was_off_for_a_while_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, base = reading(tmp_path, monkeypatch)
    first = ScreenSource.of(base.path)
    TaughtFolder(folder.path, reads=False).begin(first)
    assert folder.began_with() == first.version
    folder.begin(base)
    assert versions(folder) == (base.version, base.version)


def test_where_a_swap_ends_within_what_decides_mending_takes_it_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, base = reading(tmp_path, monkeypatch)
    folder.put_in_shadow(both(0.7), {"screen_version": both(0.7).version})
    ends_at(f"{folder.path}/card.json", folder.swap)
    with pytest.raises(ScreenError):
        folder.live()
    assert folder.mend()
    assert versions(folder) == (base.version, both(0.7).version)


def test_a_screen_in_shadow_that_is_half_written_is_compared_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, base = reading(tmp_path, monkeypatch)
    ends_at(f"{folder.shadow_path}/card.json", lambda: folder.put_in_shadow(both(0.7), {}))
    with pytest.raises(ScreenError):
        folder.shadow()
    assert not folder.mend()
    assert versions(folder) == (base.version, base.version)


def test_what_is_whole_is_left_as_it_is(folder) -> None:
    folder.put_in_shadow(other(), {})
    assert not folder.mend()
    assert versions(folder) == (cold_posts.base().version, other().version)


def test_what_audits_opened_does_not_come_back_closed(folder) -> None:
    folder.put_in_shadow(other(), {})
    folder.swap()
    opened = cold_posts.base().with_thresholds(cold_posts.base().thresholds / 3)
    folder.replace_live(opened)
    folder.bring_back()
    assert versions(folder) == (opened.version, opened.version)


def test_nothing_is_compared_once_the_shadow_is_empty(folder) -> None:
    folder.put_in_shadow(other(), {})
    folder.empty_shadow()
    assert len(set(versions(folder))) == 1


def test_the_screen_that_ships_with_weir_is_never_written_over() -> None:
    with pytest.raises(ValueError, match="name a folder"):
        TaughtFolder("starter", reads=False)


def test_a_file_is_whole_or_not_there(folder, tmp_path: Path) -> None:
    assert not list(tmp_path.rglob(".*"))


def unreadable(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    read = storage.read

    def failing(file: str, most_bytes: int) -> bytes:
        if str(file).startswith(path):
            raise OSError(errno.EIO, "it fails for a moment")
        return read(file, most_bytes)

    monkeypatch.setattr(storage, "read", failing)


@pytest.mark.parametrize("place", ["path", "shadow_path"])
def test_what_cannot_be_read_for_a_moment_is_not_mended(
    folder: TaughtFolder, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    folder.put_in_shadow(other(), {})
    with monkeypatch.context() as moment:
        unreadable(moment, f"{getattr(folder, place)}/{MODEL_FILE}")
        with pytest.raises(OSError, match="moment"):
            folder.mend()
    assert versions(folder) == (cold_posts.base().version, other().version)


def test_where_the_card_cannot_be_read_nobody_says_that_teaching_has_not_begun(
    folder: TaughtFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreadable(monkeypatch, folder.path)
    with pytest.raises(OSError, match="moment"):
        folder.began_with()

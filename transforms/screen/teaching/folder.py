"""Where a screen that is taught lies: what decides, and beside it in ``shadow`` what may.

Both are always there, so that a running job can read them again: until there is something to
compare, the one in shadow is a copy of the other. Writing is not atomic over the files of a screen,
and need not be: two stages of different versions are refused, as the card between them says which
it is, and read again. Whatever is written over what decides, ``former`` has before it a whole
screen that may: what decided until a swap, or what is to decide from now on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weir.policies import storage
from weir.transforms.screen.archive import ScreenError
from weir.transforms.screen.model import (
    CARD_FILE,
    MODEL_FILE,
    MOST_CARD,
    STARTER,
    Screen,
    ScreenSource,
)
from weir.transforms.screen.second_stage.screen import (
    TAUGHT_FROM,
    ReadingSource,
    fields_of,
    with_promises,
)


@dataclass(frozen=True)
class TaughtFolder:
    """A folder or prefix, and whether its screens have a second stage."""

    path: str
    reads: bool

    def __post_init__(self) -> None:
        if self.path == STARTER:
            raise ValueError("The screen that ships with Weir is not taught itself; name a folder.")

    @property
    def shadow_path(self) -> str:
        """Return where the screen in shadow is."""
        return f"{self.path.rstrip('/')}/shadow"

    @property
    def former_path(self) -> str:
        """Return where the screen is that decided before the last swap; else what decides."""
        return f"{self.path.rstrip('/')}/former"

    def live(self) -> ScreenSource:
        """Return the screen that decides; ScreenError where there is no sound one."""
        return self._source(self.path)

    def shadow(self) -> ScreenSource:
        """Return the screen in shadow; ScreenError where there is no sound one."""
        return self._source(self.shadow_path)

    def began_with(self) -> str | None:
        """Return the version of the screen that teaching began with; None where it has not.

        OSError where its card is there and cannot be read: whoever begins would lose what it has
        learned.
        """
        card = f"{self.path.rstrip('/')}/{CARD_FILE}"
        if not storage.exists(card):
            return None
        told = fields_of(storage.read(card, MOST_CARD).decode("utf-8", "replace"))
        return told.get(TAUGHT_FROM)

    def begin(self, base: ScreenSource) -> None:
        """Let a screen decide as it is, with nothing in shadow."""
        card = _told(base) | {TAUGHT_FROM: base.version}
        for path in (self.former_path, self.shadow_path, self.path):
            base.screen().save(path, card)

    def mend(self) -> bool:
        """Make whole what was left half written; return whether ``former`` decides again.

        ScreenError where neither what decides nor ``former`` is sound, OSError where any is there
        and cannot be read.
        """
        decides = self._is_sound(self.path)
        if not decides:
            if not self._is_sound(self.former_path):
                raise ScreenError(f"There is no whole screen in {self.path}, nor in its former.")
            self._copy(self.former_path, self.path)
        if not self._is_sound(self.shadow_path):
            self.empty_shadow()
        return not decides

    def put_in_shadow(self, screen: Screen, card: Mapping[str, Any]) -> None:
        """Let a screen be compared with what decides."""
        known = _told(self.live()).get(TAUGHT_FROM)
        screen.save(self.shadow_path, dict(card) | {TAUGHT_FROM: known})

    def empty_shadow(self) -> None:
        """Compare no more."""
        self._copy(self.path, self.shadow_path)

    def swap(self) -> None:
        """Let the screen in shadow decide, and the other be in shadow.

        Ended in between it leaves what decided in ``former``, see ``mend`` and ``bring_back``.
        """
        live, shadow = self.live(), self.shadow()
        former, card = live.screen(), _told(live)
        candidate, of_candidate = shadow.screen(), _told(shadow)
        former.save(self.former_path, card)
        candidate.save(self.path, of_candidate)
        former.save(self.shadow_path, card)

    def bring_back(self) -> None:
        """Put in shadow what decided before the last swap, where it is kept."""
        if storage.exists(f"{self.former_path}/{MODEL_FILE}"):
            self._copy(self.former_path, self.shadow_path)

    def replace_live(self, screen: Screen) -> None:
        """Let another screen decide, and nothing be in shadow."""
        card = with_promises(_told(self.live()), screen)
        for path in (self.former_path, self.shadow_path, self.path):
            screen.save(path, card)

    def _is_sound(self, path: str) -> bool:
        """Return whether there is a whole screen; OSError where one may be that cannot be read."""
        try:
            self._source(path)
        except ScreenError as error:
            unread, there = error.__cause__, storage.exists(f"{path}/{MODEL_FILE}")
            if there and isinstance(unread, OSError) and not isinstance(unread, FileNotFoundError):
                raise unread from error
            return False
        return True

    def _copy(self, path: str, to: str) -> None:
        source = self._source(path)
        source.screen().save(to, _told(source))

    def _source(self, path: str) -> ScreenSource:
        return (ReadingSource if self.reads else ScreenSource).of(path)


def _told(source: ScreenSource) -> dict[str, Any]:
    return fields_of(source.card())

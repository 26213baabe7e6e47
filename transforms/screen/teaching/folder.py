"""Where a screen that is taught lies: what decides, and beside it in ``shadow`` what may.

Both are always there, so that a running job can read them again: until there is something to
compare, the one in shadow is a copy of the other. Writing is not atomic over the files of a screen,
and need not be: two stages that do not belong together are refused, and read again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weir.policies import storage
from weir.transforms.screen.model import MODEL_FILE, STARTER, Screen, ScreenSource
from weir.transforms.screen.second_stage.screen import ReadingScreen, ReadingSource, with_promises

_BASE = "taught_from"  # on the card: the version of the screen that it all began with


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

    def live(self) -> ScreenSource:
        """Return the screen that decides; ScreenError where there is no sound one."""
        return self._source(self.path)

    def shadow(self) -> ScreenSource:
        """Return the screen in shadow; ScreenError where there is no sound one."""
        return self._source(self.shadow_path)

    def began_with(self) -> str | None:
        """Return the version of the screen that teaching began with; None where it has not."""
        if not storage.exists(f"{self.path.rstrip('/')}/{MODEL_FILE}"):
            return None
        return _told(self.live()).get(_BASE)

    def begin(self, base: ScreenSource) -> None:
        """Let a screen decide as it is, with nothing in shadow."""
        card = _told(base) | {_BASE: base.version}
        for path in (self.shadow_path, self.path):
            _save(base.screen(), path, card)

    def put_in_shadow(self, screen: Screen, card: Mapping[str, Any]) -> None:
        """Let a screen be compared with what decides."""
        known = _told(self.live()).get(_BASE)
        _save(screen, self.shadow_path, dict(card) | {_BASE: known})

    def empty_shadow(self) -> None:
        """Compare no more."""
        live = self.live()
        _save(live.screen(), self.shadow_path, _told(live))

    def swap(self) -> None:
        """Let the screen in shadow decide, and the other be in shadow."""
        live, shadow = self.live(), self.shadow()
        former, card = live.screen(), _told(live)
        _save(shadow.screen(), self.path, _told(shadow))
        _save(former, self.shadow_path, card)

    def replace_live(self, screen: Screen) -> None:
        """Let another screen decide, and nothing be in shadow."""
        card = with_promises(_told(self.live()), screen)
        for path in (self.shadow_path, self.path):
            _save(screen, path, card)

    def _source(self, path: str) -> ScreenSource:
        return (ReadingSource if self.reads else ScreenSource).of(path)


def _told(source: ScreenSource) -> dict[str, Any]:
    """Return what a card says; nothing where it is none."""
    try:
        card = json.loads(source.card())
    except ValueError:
        return {}
    return card if isinstance(card, dict) else {}


def _save(screen: Screen, path: str, card: Mapping[str, Any]) -> None:
    if isinstance(screen, ReadingScreen):
        screen.reader.save(path)
    screen.save(path, card)

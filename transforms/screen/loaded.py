"""The screen that a step uses, read again while the job runs."""

from dataclasses import dataclass, field

from weir.transforms.screen.archive import ScreenError
from weir.transforms.screen.cold.source import ColdScreenSource
from weir.transforms.screen.model import Screen, ScreenSource


@dataclass(frozen=True)
class LoadedScreen:
    """A screen in memory, and where it came from."""

    source: ScreenSource
    screen: Screen = field(compare=False)

    @property
    def trained(self) -> str:
        """Return the version of what lies there, without the heads that a run adds to it."""
        if isinstance(self.source, ColdScreenSource):
            return self.source.base_version
        return self.source.version


@dataclass(frozen=True)
class ReloadedScreen:
    """The screen that a job began with, and where a new one is looked for.

    A worker that starts later may not find the first one any more: then it begins with the one that
    is there.
    """

    screen: ScreenSource
    fixed: bool = False  # whether only the screen that the job began with will do
    what: str = "screen"

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what two sources of the same screen have in common."""
        return self.what, self.screen.path, self.screen.version

    def first(self) -> LoadedScreen:
        """Return the screen to begin with; ScreenError where there is no sound one."""
        try:
            return LoadedScreen(self.screen, self.screen.screen())
        except ScreenError:
            if self.fixed:
                raise
        return self.read()

    def stamp(self) -> object:
        """Return what changes when the artefact does; OSError where it cannot be listed."""
        return self.screen.stamp()

    def read(self) -> LoadedScreen:
        """Return the screen that is there now; ScreenError where it cannot be used."""
        source = self.screen.renew()
        return LoadedScreen(source, source.screen())

    def versions(self, value: LoadedScreen) -> dict[str, str]:
        """Return its version, under its path: a second screen may be beside it."""
        return {f"screen {value.source.path}": value.source.version}

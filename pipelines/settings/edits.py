"""What may be edited while a job runs: how often its policies and its screen are read again."""

from dataclasses import dataclass
from pathlib import Path

from weir.policies.loading import LIBRARY
from weir.policies.storage import is_remote
from weir.transforms.screen import STARTER


@dataclass(frozen=True)
class Edits:
    """What is read again, every so many seconds; nothing where they are 0."""

    seconds: float = 0.0
    policies: str | None = None

    @classmethod
    def of(cls, seconds: float, policies: str, *, endless: bool) -> "Edits":
        """Return what a job reads again.

        Bounded work keeps what it began with: its decisions are to be of one kind.
        """
        if not endless:
            return cls()
        if policies == str(LIBRARY):
            return cls(seconds)
        # A worker on this machine may have another working directory.
        path = policies if is_remote(policies) else str(Path(policies).absolute())
        return cls(seconds, path)

    def seconds_of_screen(self, path: str) -> float:
        """Return how often the screen at a path is looked at; 0 is never."""
        return 0.0 if path == STARTER else self.seconds

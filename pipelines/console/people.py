"""Who uses the console, and what each may do."""

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """What a person may do; each may do what those before may."""

    READER = 1  # looks
    REVIEWER = 2  # decides on posts
    WRITER = 3  # changes policies
    OPERATOR = 4  # starts and stops runs, sends dead letters again

    @property
    def title(self) -> str:
        """Return the word for it."""
        return "policy writer" if self is Role.WRITER else self.name.lower()


@dataclass(frozen=True)
class Person:
    """Somebody who is known: ``name`` is what stands on the rows of what they do."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Return whether they may do what needs this role."""
        return self.role >= role

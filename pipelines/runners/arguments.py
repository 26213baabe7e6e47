"""What stands on a command line, read before Beam does."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Arguments:
    """Arguments as they were given: ``--name=value``, or ``--name value``."""

    argv: tuple[str, ...]

    @classmethod
    def of(cls, argv: Sequence[str]) -> "Arguments":
        """Return the arguments of a command line, with Beam's underscores in each option's name."""
        return cls(tuple(_with_underscores(each) for each in argv))

    def value(self, name: str) -> str | None:
        """Return the last value given of an option; None where it is not given."""
        found = None
        for at, argument in enumerate(self.argv):
            if argument.startswith(f"{name}="):
                found = argument.partition("=")[2]
            elif argument == name and at + 1 < len(self.argv):
                found = self.argv[at + 1]
        return found

    def has(self, name: str) -> bool:
        """Return whether an option is given, with a value or without."""
        return any(each.partition("=")[0] == name for each in self.argv)

    def without(self, name: str) -> "Arguments":
        """Return the arguments less an option that takes a value."""
        kept, skip = [], False
        for argument in self.argv:
            if skip or argument.startswith(f"{name}="):
                skip = False
            elif argument == name:
                skip = True
            else:
                kept.append(argument)
        return Arguments(tuple(kept))

    def after(self, defaults: Sequence[str]) -> "Arguments":
        """Return the arguments behind defaults, which they overrule."""
        return Arguments((*defaults, *self.argv))


def _with_underscores(argument: str) -> str:
    """Return ``--flink-master=x`` as ``--flink_master=x``: people write both."""
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument[2:].partition("=")
    return f"--{name.replace('-', '_')}{equals}{value}"

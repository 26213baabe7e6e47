"""What stands on a command line, read before Beam does."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from weir.pipelines.errors import OptionError
from weir.pipelines.options.file import ConfigFile
from weir.pipelines.options.job import OLD_NAMES, overruled_names, read

CONFIG = "--config"


@dataclass(frozen=True)
class Arguments:
    """Arguments as they were given: ``--name=value``, or ``--name value``."""

    argv: tuple[str, ...]

    @classmethod
    def of(cls, argv: Sequence[str]) -> "Arguments":
        """Return the arguments of a command line, with dashes in each option's name.

        Old names become those that took their place.
        """
        return cls(tuple(_named(each, _in_dashes) for each in argv))

    @property
    def for_beam(self) -> list[str]:
        """Return the arguments with underscores in each option's name, as Beam has them."""
        return [_named(each, in_underscores) for each in self.argv]

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
        """Return whether an option is given, with a value or without, and not taken back."""
        no = name.replace("--", "--no-", 1)
        said = [each.partition("=")[0] for each in self.argv]
        return next((each == name for each in reversed(said) if each in (name, no)), False)

    @property
    def config(self) -> str | None:
        """Return the file of --config, if one is named; OptionError where it is not one."""
        named = [each for each in self.argv if each.partition("=")[0] == CONFIG]
        path = self.value(CONFIG)
        if len(named) > 1 or (named and not path):
            raise OptionError(f"{CONFIG} takes one file, and is given once")
        return path

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

    def with_file(self, without: Collection[str] = ()) -> "Arguments":
        """Return the arguments behind what the file of --config says, which they overrule.

        ``without`` names options that are not taken from it. OptionError where it is wrong.
        """
        path = self.config
        if path is None:
            return self
        rest = self.without(CONFIG)
        said = read(rest.argv)[0]
        # Also what may be said several times: else the file's would stand beside it.
        less = {*without, *overruled_names(said), *said}
        return rest.after(ConfigFile.read(path).arguments(less))

    def after(self, defaults: Sequence[str]) -> "Arguments":
        """Return the arguments behind defaults, which they overrule."""
        return Arguments((*defaults, *self.argv))


def in_underscores(name: str) -> str:
    """Return the name of an option as Beam has it: ``--flink-master`` with an underscore."""
    return f"--{name[2:].replace('-', '_')}"


def _in_dashes(name: str) -> str:
    dashed = name[2:].replace("_", "-")
    return f"--{OLD_NAMES.get(dashed, dashed)}"


def _named(argument: str, called: Callable[[str], str]) -> str:
    name, equals, value = argument.partition("=")
    return f"{called(name)}{equals}{value}" if argument.startswith("--") else argument

"""A concern: one frozen dataclass of options, which is what the job gets of them."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar, Self, cast, get_type_hints

from weir.pipelines.options.option import Option, text_of


class Concern:
    """The base of every concern; a subclass is a frozen dataclass whose fields are options.

    Whatever value of it there is has been checked. ``title`` and ``about`` head its group in a
    help.
    """

    title: ClassVar[str]
    about: ClassVar[str]

    def __init_subclass__(cls, *, title: str, about: str = "") -> None:
        cls.title, cls.about = title, about

    def __post_init__(self) -> None:
        for each in self.options():
            each.check(getattr(self, each.field))

    @classmethod
    def options(cls) -> tuple[Option, ...]:
        """Return its options, in the order of the fields."""
        hints = get_type_hints(cls)
        found = [Option.of(each, hints[each.name]) for each in fields(cast(Any, cls))]
        return tuple(each for each in found if each is not None)

    @property
    def arguments(self) -> list[str]:
        """Return what is not as by default, as it stands on a command line."""
        given = [(each, getattr(self, each.field)) for each in self.options()]
        return [
            each.flag if value is True else f"{each.flag}={text_of(value)}"
            for each, value in given
            if value != each.default
        ]

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Self:
        """Return the concern from texts by the options' names; OptionError names a wrong one."""
        said = {each.field: each for each in cls.options() if each.name in given}
        return cls(**{name: each.parse(given[each.name]) for name, each in said.items()})

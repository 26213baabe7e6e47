"""How a message is read as a post."""

from dataclasses import dataclass
from itertools import permutations

FORMATS = ("json", "text")


@dataclass(frozen=True)
class DecodeSettings:
    """The format, and for JSON the paths of the fields: names joined by dots, ``post.body.text``.

    Only the text must be there. A post without an id is named by its position, one without a
    readable time is dated by Kafka's timestamp.
    """

    format: str = "json"
    id_field: str = "id"
    text_field: str = "text"
    time_field: str = "created_at"
    language_field: str = "lang"

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f"format is {self.format!r}; it must be one of {', '.join(FORMATS)}")
        for path in self.paths:
            if not all(path):
                raise ValueError(f"field path {'.'.join(path)!r} has an empty name in it")
            if not all(name.isprintable() and not {'"', "\\"} & set(name) for name in path):
                raise ValueError(f"field path {'.'.join(path)!r} holds a quote or a control")
        for path, other in permutations(self.paths, 2):
            if other[: len(path)] == path:
                raise ValueError(
                    f"field path {'.'.join(other)!r} lies at or below {'.'.join(path)!r}; "
                    "give each field a place of its own"
                )

    @property
    def paths(self) -> tuple[tuple[str, ...], ...]:
        """Return the paths of text, id, time and language, each as its names."""
        fields = (self.text_field, self.id_field, self.time_field, self.language_field)
        return tuple(tuple(field.split(".")) for field in fields)

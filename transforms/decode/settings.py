"""How a message is read as a post."""

from dataclasses import dataclass, field
from itertools import permutations

from weir.transforms.decode.leaves import Kind, Path, Wanted
from weir.transforms.decode.oversized import MAX_POST_BYTES
from weir.transforms.decode.schema_source import TYPES, SchemaSettings
from weir.transforms.records import LARGEST_MESSAGE
from weir.transforms.secret import Secret

FORMATS = ("json", "text", *TYPES)


@dataclass(frozen=True)
class DecodeSettings:
    """The format, and for JSON the paths of the fields: names joined by dots, ``post.body.text``.

    Only the text must be there. A post without an id is named by its position, one without a
    readable time is dated by Kafka's timestamp. ``author_field`` is empty where authors do not
    matter; of an author only a pseudonym is kept, made with ``pseudonym_key``.
    """

    format: str = "json"
    id_field: str = "id"
    text_field: str = "text"
    time_field: str = "created_at"
    language_field: str = "lang"
    author_field: str = ""
    pseudonym_key: Secret | None = field(default=None, repr=False)
    max_post_bytes: int = MAX_POST_BYTES  # of the whole message
    schema: SchemaSettings = field(default_factory=SchemaSettings)

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f"format is {self.format!r}; it must be one of {', '.join(FORMATS)}")
        if not 1 <= self.max_post_bytes <= LARGEST_MESSAGE:
            raise ValueError(
                f"a post of {self.max_post_bytes} bytes at most; give 1 to {LARGEST_MESSAGE}"
            )
        if self.author_field and not self.pseudonym_key:
            raise ValueError("an author field needs a key to make pseudonyms with")
        self.schema.check(self.format)
        if self.author_field and self.format == "text":
            raise ValueError(f"a message in the format {self.format} has no author field")
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
    def wanted(self) -> tuple[Wanted, ...]:
        """Return what is to be found in a message: text, id, time, language and any author."""
        fields = [
            (self.text_field, Kind.TEXT),
            (self.id_field, Kind.NAME),
            (self.time_field, Kind.TIME),
            (self.language_field, Kind.LANGUAGE),
        ]
        if self.author_field:
            fields.append((self.author_field, Kind.AUTHOR))
        return tuple(Wanted(tuple(field.split(".")), kind) for field, kind in fields)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Return the paths of ``wanted``."""
        return tuple(each.path for each in self.wanted)

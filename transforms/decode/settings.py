"""How a message is read as a post."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from itertools import permutations
from typing import Any

from weir.transforms.decode.envelopes import ENVELOPES
from weir.transforms.decode.envelopes.envelope import Envelope
from weir.transforms.decode.leaves import EACH, Kind, Path, Wanted, path_of
from weir.transforms.decode.oversized import MAX_POST_BYTES
from weir.transforms.decode.rules import Rule
from weir.transforms.decode.schema_source import TYPES, SchemaSettings
from weir.transforms.records import LARGEST_MESSAGE
from weir.transforms.secret import Secret

FORMATS = ("json", "text", *TYPES)
TOMBSTONES = ("dead-letter", "skip", "delete")


@dataclass(frozen=True)
class Places:
    """Where the parts of a post are looked for in a message, each in the order of its paths."""

    texts: tuple[tuple[Path, ...], ...]  # several texts make one post
    id: tuple[Path, ...]
    time: tuple[Path, ...]
    language: tuple[Path, ...]
    author: tuple[Path, ...] = ()  # empty where it is not asked for
    context: tuple[tuple[Path, ...], ...] = ()  # several are given together

    def __iter__(self) -> Iterator[tuple[Kind, Path]]:
        """Yield each path and what is looked for there."""
        yield from ((Kind.TEXT, path) for paths in self.texts for path in paths)
        yield from ((Kind.NAME, path) for path in self.id)
        yield from ((Kind.TIME, path) for path in self.time)
        yield from ((Kind.LANGUAGE, path) for path in self.language)
        yield from ((Kind.AUTHOR, path) for path in self.author)


@dataclass(frozen=True)
class DecodeSettings:
    """The format, the envelope, and the paths of the fields: names joined by dots, ``post.text``.

    A name that ends in ``[]`` stands for every element of the list there. Only a text must be
    there. A post without an id is named by its position, one without a readable time is dated by
    Kafka's timestamp. ``author_field`` is empty where authors do not matter; of an author only a
    pseudonym is kept, made with ``pseudonym_key``.

    ``skip`` names messages that are no posts, as ``FIELD=VALUE``; ``deleted_field`` and
    ``edited_field`` those that take a post back or are a newer version of one, as ``FIELD`` or
    ``FIELD=VALUE``.
    """

    format: str = "json"
    id_field: str = "id"
    text_field: str | tuple[str, ...] = "text"
    time_field: str = "created_at"
    language_field: str = "lang"
    author_field: str = ""
    pseudonym_key: Secret | None = field(default=None, repr=False)
    max_post_bytes: int = MAX_POST_BYTES  # of the whole message
    schema: SchemaSettings = field(default_factory=SchemaSettings)
    envelope: str = "none"
    skip: tuple[str, ...] = ()
    deleted_field: tuple[str, ...] = ()
    edited_field: tuple[str, ...] = ()
    tombstones: str | None = None  # None: as the envelope has it
    context_field: tuple[str, ...] = ()  # what the post answers: its text, its id

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f"format is {self.format!r}; it must be one of {', '.join(FORMATS)}")
        if self.envelope not in ENVELOPES:
            known = ", ".join(ENVELOPES)
            raise ValueError(f"envelope is {self.envelope!r}; it must be one of {known}")
        if self.tombstones not in (None, *TOMBSTONES):
            known = ", ".join(TOMBSTONES)
            raise ValueError(f"tombstones is {self.tombstones!r}; it must be one of {known}")
        if not 1 <= self.max_post_bytes <= LARGEST_MESSAGE:
            raise ValueError(
                f"a post of {self.max_post_bytes} bytes at most; give 1 to {LARGEST_MESSAGE}"
            )
        if self.author_field and not self.pseudonym_key:
            raise ValueError("an author field needs a key to make pseudonyms with")
        self.schema.check(self.format)
        if self.format == "text" and (self.author_field or self.rules or self.context_field):
            raise ValueError(
                f"a message in the format {self.format} has no author field, and no other"
            )
        self._check_paths()

    @property
    def open_envelope(self) -> Envelope:
        """Return what the envelope says."""
        return ENVELOPES[self.envelope]

    @property
    def of_tombstones(self) -> str:
        """Return what becomes of a message without a value."""
        return self.tombstones or self.open_envelope.tombstones

    @property
    def tells_changes(self) -> bool:
        """Return whether any message may edit or delete a post."""
        fields = (*self.deleted_field, *self.edited_field)
        return bool(fields) or self.of_tombstones == "delete" or self.open_envelope.tells_changes

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Return what is said of messages by a field of theirs."""
        said = (*self.skip, *self.deleted_field, *self.edited_field)
        return tuple(Rule.of(each) for each in said)

    @cached_property
    def places(self) -> Places:
        """Return where the parts of a post are looked for."""
        texts, inside = self._said("text_field"), self.open_envelope.inside
        return Places(
            tuple(tuple((*place, *path_of(each)) for place in inside) for each in texts),
            self.places_of(*map(path_of, self._said("id_field"))),
            (
                *self.places_of(*map(path_of, self._said("time_field"))),
                *self.open_envelope.times,
            ),
            self.places_of(*map(path_of, self._said("language_field"))),
            self.places_of(path_of(self.author_field)) if self.author_field else (),
            tuple(self.places_of(path_of(each)) for each in self.context_field),
        )

    def places_of(self, path: Path) -> tuple[Path, ...]:
        """Return where a field of the post is looked for: in it, beside it, in the message."""
        envelope = self.open_envelope
        around = (*envelope.inside, *envelope.beside, ())
        return tuple(dict.fromkeys((*place, *path) for place in around))

    @property
    def text_name(self) -> str:
        """Return the text's field as a person calls it."""
        return " or ".join(self._said("text_field"))

    @cached_property
    def wanted(self) -> tuple[Wanted, ...]:
        """Return what is to be found in a message, each path once."""
        found = {each.path: each.kind for each in self.open_envelope.reads}
        for kind, path in self.places:
            found.setdefault(path, kind)
        for paths in self.places.context:
            for path in paths:
                found.setdefault(path, Kind.CONTEXT)
        for rule in map(Rule.of, self.skip):
            found.setdefault(rule.path, Kind.SCALAR)
        for rule in map(Rule.of, (*self.deleted_field, *self.edited_field)):
            for path in self.places_of(rule.path):
                found.setdefault(path, Kind.SCALAR)
        return tuple(Wanted(path, kind) for path, kind in found.items())

    @property
    def paths(self) -> tuple[Path, ...]:
        """Return the paths of a post's parts, the first text's first."""
        return tuple(dict.fromkeys(path for _, path in self.places))

    def _said(self, name: str) -> tuple[str, ...]:
        """Return the paths of a field: as they are given, or as the envelope has them."""
        default: Any = next(each.default for each in fields(self) if each.name == name)
        said = _several(getattr(self, name))
        if said == _several(default):
            return _several(self.open_envelope.fields.get(name, said))
        return said

    def _check_paths(self) -> None:
        said = [
            path_of(each)
            for name in ("text_field", "id_field", "time_field", "language_field")
            for each in self._said(name)
        ]
        if self.author_field:
            said.append(path_of(self.author_field))
        said += map(path_of, self.context_field)
        if not self._said("text_field"):
            raise ValueError("a post has a text; name its field")
        for path in (*said, *(rule.path for rule in self.rules)):
            written = ".".join(path)
            if not all(name.removesuffix(EACH) for name in path):
                raise ValueError(f"field path {written!r} has an empty name in it")
            if not all(name.isprintable() and not {'"', "\\"} & set(name) for name in path):
                raise ValueError(f"field path {written!r} holds a quote or a control")
        for path in said:
            if sum(path == other for other in said) > 1:
                raise ValueError(_too_near(path, path))
        _check_apart(each.path for each in self.wanted)


def _several(paths: str | tuple[str, ...]) -> tuple[str, ...]:
    return (paths,) if isinstance(paths, str) else tuple(paths)


def _check_apart(paths: Iterable[Path]) -> None:
    """Raise ValueError where one path leads through the value of another."""
    plain = {path: tuple(name.removesuffix(EACH) for name in path) for path in paths}
    for (path, names), (other, below) in permutations(plain.items(), 2):
        if below[: len(names)] == names:
            raise ValueError(_too_near(other, path))


def _too_near(path: Path, other: Path) -> str:
    return (
        f"field path {'.'.join(path)!r} lies at or below {'.'.join(other)!r}; "
        "give each field a place of its own"
    )

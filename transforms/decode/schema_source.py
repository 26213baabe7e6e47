"""Where schemas come from: a registry, asked by the id in a message, or a file for all messages."""

from dataclasses import dataclass, field

from weir.transforms.registry import (
    RegistrySettings,
    Schema,
    SchemaType,
    UnknownSchemaError,
    process_schemas,
)

TYPES = {
    "avro": SchemaType.AVRO,
    "protobuf": SchemaType.PROTOBUF,
    "json-schema": SchemaType.JSON,
}
FRAME = 5  # bytes before a message's body: a zero, and the id, most significant byte first
_FORMATS = {kind: name for name, kind in TYPES.items()}


@dataclass(frozen=True)
class SchemaSettings:
    """A registry, whose ids messages begin with, or a file: then messages are bare.

    A ``file`` beside a ``registry`` is the reader's schema: what its fields were called before, and
    their defaults. ``message`` is the full name of the Protobuf message in the file.
    """

    registry: RegistrySettings | None = None
    file: str | None = field(default=None, repr=False)  # its text
    message: str = ""

    @property
    def framed(self) -> bool:
        """Return whether messages begin with the id of their schema."""
        return self.registry is not None

    def check(self, format_name: str) -> None:
        """Raise ValueError where a format lacks what it needs, or would not use what there is."""
        if format_name not in TYPES:
            if self != SchemaSettings():
                raise ValueError(f"messages in the format {format_name} have no schema")
            return
        if self.registry is None and (format_name == "json-schema" or self.file is None):
            or_file = "" if format_name == "json-schema" else ", or a schema file"
            raise ValueError(f"the format {format_name} needs a schema registry{or_file}")
        if self.registry is not None and self.file is not None and format_name != "avro":
            raise ValueError(f"a schema file beside a registry says nothing for {format_name}")
        if bool(self.message) != (format_name == "protobuf" and self.registry is None):
            raise ValueError(
                "a message's name belongs to --format=protobuf with a schema file"
                if self.message
                else "a Protobuf schema file needs the name of the message in it"
            )


class SchemaError(ValueError):
    """A schema cannot be used: ``damage`` is the reason, and a sentence without any of a post."""

    def __init__(self, reason: str, error: str) -> None:
        super().__init__(error)
        self.damage = (reason, error)


def schema_of(settings: SchemaSettings, format_name: str, number: int) -> Schema:
    """Return the schema of an id, or the file's. Raises SchemaError; waits for the registry."""
    expected = TYPES[format_name]
    if settings.registry is None:
        return Schema(expected, settings.file or "")
    try:
        schema = process_schemas(settings.registry).get(number)
    except UnknownSchemaError as error:
        raise SchemaError("unknown_schema", f"Schema {number} cannot be had: {error}.") from None
    if schema.type is not expected:
        raise SchemaError(
            "another_format",
            f"Schema {number} is of the type {schema.type}: its messages are read with "
            f"--format={_FORMATS[schema.type]}.",
        )
    return schema


def framing(value: bytes) -> tuple[str, str] | None:
    """Return what to say of a value in the wire format where none is expected; None for others."""
    if value[:1] != b"\0" or len(value) < FRAME:
        return None
    number = int.from_bytes(value[1:FRAME], "big")
    return (
        "schema_framed",
        f"The value begins as a schema registry has it, with the id {number}: it is read with "
        f"--schema-registry, and --format={_framed_format(value[FRAME:])}.",
    )


def _framed_format(body: bytes) -> str:
    return "json-schema" if body.lstrip()[:1] in (b"{", b"[") else "avro or protobuf"


def _called(number: int) -> str:
    return f"Schema {number}" if number else "The schema file"


def unusable(number: int, why: str) -> SchemaError:
    """Return the error of a schema that makes no sense, or none for posts."""
    return SchemaError("schema_unusable", f"{_called(number)} cannot be used: {why}.")


def textless(number: int, name: str, field_name: str) -> SchemaError:
    """Return the error of a schema whose messages hold no text."""
    return SchemaError(
        "schema_without_text", f"{_called(number)}, {name}, has no field {field_name}."
    )

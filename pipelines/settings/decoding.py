"""How a message becomes a post, from the options."""

import errno

from weir.pipelines.errors import OptionError
from weir.pipelines.options.content import DecodeOptions, RegistryOptions
from weir.pipelines.settings.registry import registry_settings
from weir.pipelines.settings.storage import pseudonym_key
from weir.policies import storage
from weir.transforms.decode import DecodeSettings
from weir.transforms.decode.formats import file_damage
from weir.transforms.decode.protobuf.compile import require_compiler
from weir.transforms.decode.schema_source import SchemaSettings
from weir.transforms.registry import RegistrySettings
from weir.transforms.secret import Secret

_MOST_SCHEMA = 1 << 20  # bytes; the largest that are published have 300 KB


def decode_settings(
    said: DecodeOptions, author_field: str = "", registry: RegistryOptions | None = None
) -> DecodeSettings:
    """Return how messages are read; OptionError and its like name what cannot be."""
    key = pseudonym_key(f"--author-field={author_field}") if author_field else None
    schema = None if said.schema_file is None else schema_text(said.schema_file)
    if said.format == "protobuf":
        require_compiler()
    known = registry_settings(registry) if registry else None
    settings = decoding_of(said, author_field, key, known, schema)
    if damage := file_damage(settings):
        raise OptionError(f"--schema-file {said.schema_file}: {damage}")
    return settings


def decoding_of(
    said: DecodeOptions,
    author_field: str,
    key: Secret | None,
    registry: RegistrySettings | None,
    schema: str | None,
) -> DecodeSettings:
    """Return how messages are read, by a schema file's text; OptionError where it does not fit."""
    try:
        return DecodeSettings(
            format=said.format,
            id_field=said.id_field,
            text_field=said.text_field,
            time_field=said.time_field,
            language_field=said.language_field,
            author_field=author_field,
            pseudonym_key=key,
            max_post_bytes=said.max_post_bytes,
            schema=SchemaSettings(registry, schema, said.schema_message or ""),
            envelope=said.envelope,
            skip=said.skip,
            deleted_field=said.deleted_field,
            edited_field=said.edited_field,
            tombstones=said.tombstones,
            context_field=said.context_field,
        )
    except ValueError as error:
        raise OptionError(f"--format, --envelope and the field options: {error}") from error


def schema_text(path: str) -> str:
    """Return the text of a schema file; OptionError where it cannot be read."""
    try:
        return storage.read(path, _MOST_SCHEMA).decode("utf-8")
    except OSError as error:
        why = error.strerror or errno.errorcode.get(error.errno or 0, type(error).__name__)
        raise OptionError(f"--schema-file {path} cannot be read ({why})") from error
    except UnicodeDecodeError:
        raise OptionError(
            f"--schema-file {path} is no text in UTF-8: name the .avsc or .proto itself"
        ) from None

"""How a message becomes a post, from the options."""

from weir.pipelines.errors import OptionError
from weir.pipelines.options.content import DecodeOptions
from weir.pipelines.settings.storage import pseudonym_key
from weir.transforms.decode import DecodeSettings


def decode_settings(said: DecodeOptions, author_field: str = "") -> DecodeSettings:
    """Return how messages are read; OptionError names what cannot be."""
    key = pseudonym_key(f"--author-field={author_field}") if author_field else None
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
        )
    except ValueError as error:
        raise OptionError(f"--format and the field options: {error}") from error

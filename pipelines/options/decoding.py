"""How a message becomes a post: the options, and what they come to."""

import argparse

from apache_beam.options.pipeline_options import PipelineOptions

from weir.pipelines.errors import OptionError
from weir.pipelines.options.storage import pseudonym_key
from weir.transforms.decode import DecodeSettings
from weir.transforms.decode.oversized import MAX_POST_BYTES


class DecodeOptions(PipelineOptions):
    """How a message becomes a post."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group("Decoding")
        group.add_argument(
            "--format", default="json", choices=["json", "text"], help="what a message holds"
        )
        group.add_argument(
            "--id_field", default="id", help="path of the post's id, such as post.id"
        )
        group.add_argument("--text_field", default="text", help="path of its text")
        group.add_argument(
            "--time_field", default="created_at", help="path of its time, ISO 8601 or epoch"
        )
        group.add_argument("--language_field", default="lang", help="path of its language")
        group.add_argument(
            "--max_post_bytes",
            type=int,
            default=MAX_POST_BYTES,
            help="a larger message is a dead letter: what reading it costs grows with it",
        )


def decode_settings(options: DecodeOptions, author_field: str) -> DecodeSettings:
    """Return how messages are read; OptionError names what cannot be."""
    key = pseudonym_key(f"--author_field={author_field}") if author_field else None
    try:
        return DecodeSettings(
            format=options.format,
            id_field=options.id_field,
            text_field=options.text_field,
            time_field=options.time_field,
            language_field=options.language_field,
            author_field=author_field,
            pseudonym_key=key,
            max_post_bytes=options.max_post_bytes,
        )
    except ValueError as error:
        raise OptionError(f"--format, --max_post_bytes and --..._field: {error}") from error

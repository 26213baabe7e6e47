"""What a post is, and what is stored of it."""

import re
from dataclasses import dataclass
from typing import Literal

from weir.pipelines.options.concern import Concern
from weir.pipelines.options.option import Allowed, between, option

_MOST_BYTES = 32 << 20  # of a message that a worker holds
_SHARE = r"[0-9]+(?:\.[0-9]*)?%"


@dataclass(frozen=True)
class RegistryOptions(Concern, title="Schema registry"):
    """Where schemas of messages are kept, those that are read and those that are written."""

    schema_registry: str | None = option(
        None,
        metavar="URL",
        help="of a registry with Confluent's API, such as https://host:8081; a login is read from "
        "$WEIR_SCHEMA_REGISTRY_LOGIN: NAME:PASSWORD, or a bearer token. While it is away, "
        "messages of schemas that are not known yet wait",
    )


@dataclass(frozen=True)
class DecodeOptions(Concern, title="Decoding"):
    """How a message becomes a post."""

    format: Literal["json", "text", "avro", "protobuf", "json-schema"] = option(
        "json",
        help="what a message holds; the last three have schemas, from --schema-registry, whose ids "
        "messages begin with, or --schema-file",
    )
    schema_file: str | None = option(
        None,
        metavar="FILE",
        help="Avro's .avsc or Protobuf's .proto, of messages that begin with no id; for avro with "
        "a registry, the reader's schema: other names of its fields, and defaults",
    )
    schema_message: str | None = option(
        None, metavar="NAME", help="full name of the message in a .proto, such as forum.Post"
    )
    envelope: Literal["none", "debezium", "cloudevents", "jetstream", "activitypub", "osprey"] = (
        option(
            "none",
            help="what stands around the post: it says where the post lies, which messages are "
            "none, and which edit or delete one. See docs/formats.md",
        )
    )
    id_field: str = option("id", metavar="PATH", help="of the post's id, such as post.id")
    text_field: tuple[str, ...] = option(
        ("text",),
        metavar="PATH",
        repeats=True,
        help="of its text; several, given each by itself or with commas, make one text. "
        "attachments[].alt is in every element of a list, text[] a list of strings and entities",
    )
    time_field: str = option("created_at", metavar="PATH", help="of its time, ISO 8601 or epoch")
    language_field: str = option(
        "lang", metavar="PATH", help="of its language; of a list the first"
    )
    context_field: tuple[str, ...] = option(
        (),
        metavar="PATH",
        repeats=True,
        help="of what the post answers, such as parent.text: the judge reads up to 2,000 "
        "characters of it to understand the post, and does not judge it; the screen does not",
    )
    skip: tuple[str, ...] = option(
        (),
        metavar="FIELD=VALUE",
        repeats=True,
        help="messages that are no posts, such as kind=like: counted as left out, by what is given "
        "here, instead of a dead letter each. Give it for each kind",
    )
    deleted_field: tuple[str, ...] = option(
        (),
        metavar="FIELD[=VALUE]",
        repeats=True,
        help="messages that take the post with their id back: the field has the value, or any but "
        "null, false, 0 and the empty. The view labels says withdrawn",
    )
    edited_field: tuple[str, ...] = option(
        (),
        metavar="FIELD[=VALUE]",
        repeats=True,
        help="posts that are newer versions of the post with their id: in labels the older ones "
        "are superseded",
    )
    tombstones: Literal["dead-letter", "skip", "delete"] | None = option(
        None,
        help="what a message without a value is: a dead letter, left out, or the deletion of the "
        "post that its key names",
        default_said="dead-letter; skip of debezium",
    )
    max_post_bytes: int = option(
        1 << 20,
        between(1, _MOST_BYTES, "bytes"),
        metavar="N",
        help="a larger message is a dead letter: what reading it costs grows with it",
    )


def _holds_share(text: str) -> bool:
    return bool(re.fullmatch(_SHARE, text)) and 0 < float(text.removesuffix("%")) <= 100


@dataclass(frozen=True)
class StoringOptions(Concern, title="Storing"):
    """How much is stored."""

    record_cleared: Literal["all", "none"] | str = option(
        "all",
        Allowed("give a share such as 1%", _holds_share, {"pattern": f"^{_SHARE}$"}),
        metavar="all|1%|none",
        help="which of the posts that every policy cleared get a row in screenings: a share "
        "is drawn by a hash of their ids, and views weigh by it; with none, rates are unknown",
    )
    store_text: Literal["full", "hash", "none"] = option(
        "full",
        help="what BigQuery and dead letters keep of a post's text and of what may quote it; "
        "hash: keyed by $WEIR_PSEUDONYM_KEY. Dead letters without it cannot be redriven",
    )
    author_field: str = option(
        "",
        metavar="PATH",
        help="of the author's id, of which a pseudonym is kept, keyed by $WEIR_PSEUDONYM_KEY",
    )

    @property
    def recorded_share(self) -> float:
        """Return the share of cleared posts that get a row, from 0 to 1."""
        words = {"all": 1.0, "none": 0.0}
        if self.record_cleared in words:
            return words[self.record_cleared]
        return float(self.record_cleared.removesuffix("%")) / 100

"""What to do about a dead letter, by its reason: for the console, and for docs/dead-letters.md."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Advice:
    """What is wrong with letters of these reasons, and what a person does about it."""

    reasons: tuple[str, ...]
    means: str
    do: str


ADVICE = (
    Advice(
        ("invalid_json", "not_an_object", "content_type"),
        "The message is no JSON object, which is what the job reads.",
        "See what writes to the topic. Of another format say so with --format or --envelope, "
        "then redrive.",
    ),
    Advice(
        ("invalid_utf8",),
        "The message is not UTF-8, which JSON has to be.",
        "Have its writer encode it as UTF-8; what stands on the topic now cannot be read.",
    ),
    Advice(
        ("missing_id", "missing_text", "null_text", "text_not_a_string", "implausible_time"),
        "A field that makes a post is not there, or is not what it should be.",
        "Name the field that has it (--id-field, --text-field, --time-field) where all messages "
        "are so, then redrive. Of single ones tell who writes them.",
    ),
    Advice(
        ("tombstone",),
        "The message has no value: a post was taken back, or a log was compacted.",
        "Say with --tombstones what it means: skip, or delete.",
    ),
    Advice(
        ("too_deep", "too_many_items"),
        "The message is nested deeper, or has more items, than a post has.",
        "Nothing: it was made to cost much. Where it is a post of yours, send it flatter.",
    ),
    Advice(
        ("post_too_large",),
        "The message is larger than --max-post-bytes.",
        "Raise --max-post-bytes where posts are so large, then redrive.",
    ),
    Advice(
        ("message_too_large", "batch_too_large"),
        "The message decompresses to more than is held at once, so that it was not read.",
        "It is still at its position, as long as Kafka keeps it: have it written anew in parts.",
    ),
    Advice(
        ("invalid_avro", "invalid_protobuf", "unknown_message_index", "unknown_schema"),
        "The value does not fit the schema that it names, or no registry has that one.",
        "See in the registry which schema the writer uses, and that --schema-registry is that "
        "one, then redrive.",
    ),
    Advice(
        ("schema_in_header",),
        "The schema is named in a header, which is not read.",
        "Have the producer write the schema's id in front of the value "
        "(PrefixSchemaIdSerializer), and the messages be sent anew.",
    ),
    Advice(
        ("wrong_magic_byte", "cut_short", "schema_framed", "another_format"),
        "The value begins as one of another format does.",
        "Name the topic's own with --format, then redrive.",
    ),
    Advice(
        ("schema_without_text",),
        "The schema has no field that --text-field names.",
        "Name the one that holds the text, then redrive.",
    ),
    Advice(
        ("not_a_cloudevent", "cloudevents_batch", "data_base64", "not_a_change_event"),
        "The message is not in the envelope that the job was told of.",
        "Name the topic's own with --envelope, or have one event sent a message, then redrive.",
    ),
    Advice(
        ("not_an_activity", "not_a_jetstream_event", "not_an_action"),
        "The message is not in the envelope that the job was told of.",
        "Name the topic's own with --envelope, then redrive.",
    ),
    Advice(
        ("not_an_escalation",),
        "A message on the topic of escalations was not written by a screen job.",
        "See who else may write to that topic; it is only for Weir.",
    ),
    Advice(
        ("unknown_policy",),
        "The policy was taken out of the folder while the post waited for it.",
        "Put the policy back, then redrive, or leave it.",
    ),
    Advice(
        ("timeout", "engine_timeout", "unreachable", "server_error", "rate_limited"),
        "The judge did not answer, for as long as it was waited for.",
        "See that it is up and what it says in its log, or raise its limits, then redrive.",
    ),
    Advice(
        ("unauthorized", "forbidden", "payment_required", "insufficient_quota"),
        "The judge's server does not let this key ask.",
        "Mend the account or the key ($WEIR_ENDPOINT_KEY), then redrive.",
    ),
    Advice(
        ("unknown_model", "redirected", "bad_request", "bad_response"),
        "The judge's server is not asked as it wants to be, or answers what is no answer.",
        "See --endpoint-url and --endpoint-model, and the server's log, then redrive.",
    ),
    Advice(
        ("content_filter",),
        "A filter in front of the model refuses the post.",
        "Have the provider turn it off for moderation, or judge where there is none, then redrive.",
    ),
    Advice(
        ("too_long",),
        "Policy, post and answer are longer than the model reads at once.",
        "Serve the model with a longer context, or shorten the policy, then redrive.",
    ),
    Advice(
        ("engine_error",),
        "The engine failed on the post.",
        "See its log, then redrive: what fails again is counted, and left in the end.",
    ),
    Advice(
        ("refused_by_bigquery", "too_large"),
        "BigQuery did not take a row, which is kept in the letter.",
        "Mend it there (weir tables brings the columns up to date). Sending the post again does "
        "not store the row.",
    ),
)
_BY_REASON = {reason: each for each in ADVICE for reason in each.reasons}
_OF_STAGE = {
    "decode": Advice((), "The message could not be read.", "See the sentence on the letter."),
    "escalation": Advice(
        (), "What the screen job sent could not be read.", "See the sentence on the letter."
    ),
    "judge": Advice((), "The judge failed on the post.", "See its log, then redrive."),
    "write": _BY_REASON["refused_by_bigquery"],
}
_BEGIN, _END = "<!-- Reasons: written by make help-texts. -->", "<!-- End of the reasons. -->"


def advice_on(reason: str, stage: str) -> Advice:
    """Return what a reason means, or what one of its stage does where it has no words yet."""
    return _BY_REASON.get(reason) or _OF_STAGE.get(stage) or _OF_STAGE["decode"]


def with_reasons(document: str) -> str:
    """Return docs/dead-letters.md with the table of the reasons in its place."""
    before, _, rest = document.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{_table(ADVICE)}\n{_END}{after}"


def _table(advice: Iterable[Advice]) -> str:
    rows = [
        f"| {', '.join(f'`{reason}`' for reason in each.reasons)} | {each.means} | {each.do} |"
        for each in advice
    ]
    return "\n".join(["| reason | what it means | what to do |", "|---|---|---|", *rows])

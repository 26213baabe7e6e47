"""Where posts come from, how Kafka's brokers are reached, and where progress is kept."""

from dataclasses import dataclass
from typing import Literal

from weir.pipelines.errors import OptionError
from weir.pipelines.options.concern import Concern
from weir.pipelines.options.option import addresses, option

FROM_GROUP = "group"


@dataclass(frozen=True)
class KafkaOptions(Concern, title="Kafka"):
    """How brokers are reached."""

    brokers: str | None = option(
        None,
        addresses("kafka-1:9092,kafka-2:9092"),
        metavar="HOST:PORT,...",
        help="Kafka brokers to start from",
    )
    security_protocol: str = option(
        "PLAINTEXT",
        metavar="P",
        help="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL; anything else is refused",
    )
    sasl_mechanism: str | None = option(
        None,
        metavar="M",
        help="PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or AWS_MSK_IAM",
    )
    sasl_username: str | None = option(
        None, metavar="NAME", help="its password is read from $WEIR_KAFKA_SASL_PASSWORD"
    )
    sasl_token_url: str | None = option(
        None,
        metavar="URL",
        help="of OAUTHBEARER: where tokens are asked for; the user name is the client's id, and "
        "the password its secret",
    )
    sasl_token_scope: str | None = option(None, metavar="S", help="scope of those tokens")
    ssl_cafile: str | None = option(
        None, metavar="FILE", help="certificate authority of the brokers (PEM, or its text)"
    )
    ssl_certfile: str | None = option(None, metavar="FILE", help="client certificate (PEM)")
    ssl_keyfile: str | None = option(
        None, metavar="FILE", help="key of the client certificate (PEM)"
    )


@dataclass(frozen=True)
class SourceOptions(Concern, title="Source"):
    """Which messages are read."""

    topics: tuple[str, ...] = option(
        (),
        metavar="T,...",
        help="topics to moderate; one that begins with ^ is a regular expression, and what "
        "matches it later is found, too (never a topic that the job writes)",
    )
    start: str | None = option(
        None,
        metavar="A",
        help='earliest, latest, an ISO 8601 time, offsets such as {"0": 120}, or group: where '
        "the last run of this name had got to (default: group, and earliest where there is none)",
    )
    stop: str = option(
        "never",
        metavar="B",
        help='never, latest (the end as it stands now), an ISO 8601 time, or {"0": 500}',
    )
    accept_loss: bool = option(
        False,
        help="go on, and count it, when retention removed messages before they were read",
    )


@dataclass(frozen=True)
class GroupOptions(
    Concern,
    title="Progress",
    about="A run goes on where the last one of its name had got to. In process and on Prism "
    "that is the offset before which every decision is stored, committed every few "
    "seconds, so that a job that was killed loses nothing; rows of what was in flight come "
    "again, under the same decision ids. On other runners it is the end of bounded work "
    "that was done; of a job without an end it is how far it has read, for lag tools "
    "alone: its own checkpoint is what to resume from.",
):
    """Where progress is committed."""

    group: str | None = option(
        None,
        metavar="NAME",
        help="consumer group that holds it, or none (default: weir-RUN)",
    )


@dataclass(frozen=True)
class StageOptions(
    Concern,
    title="Stages",
    about="One job does all, or a job that screens hands escalations to one that judges, each on "
    "machines of its own. Give both the same policies and decoding options; run name and "
    "mode travel with the escalations.",
):
    """Which part of the graph the job runs, and the topics that join the parts."""

    stages: Literal["all", "screen", "judge"] = option(
        "all",
        help="screen: send escalations to --escalation-topic instead of judging them; "
        "judge: read them from there, or from --topics",
    )
    source: Literal["topics", "deferred"] = option(
        "topics",
        help="deferred: judge now what was over the budget of earlier runs, from "
        "--deferred-topic; it goes on where the last such run ended, whatever its name, "
        "unless --start says otherwise",
    )
    escalation_topic: str = option(
        "weir-escalations", metavar="T", help="of what one job screens and the other judges"
    )
    deferred_topic: str = option("weir-deferred", metavar="T", help="of what is over the budget")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.source == "deferred" and self.stages == "screen":
            raise OptionError(
                "--source=deferred says what is read and done; leave --stages=screen out"
            )

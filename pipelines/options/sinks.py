"""Where decisions go."""

import re
from dataclasses import dataclass
from typing import Literal

from weir.pipelines.errors import OptionError
from weir.pipelines.options.concern import Concern
from weir.pipelines.options.option import Allowed, addresses, option

_URL = r"https?://[^/@\s]+(?:/[^@\s]*)?"


@dataclass(frozen=True)
class TopicOptions(Concern, title="Topics that are written"):
    """Where violations and dead letters go."""

    flagged_topic: str = option("weir-flagged", metavar="T", help="of violations")
    flagged_format: Literal[
        "json",
        "cloudevents",
        "osprey",
        "json-schema",
        "avro",
        "protobuf",
    ] = option(
        "json",
        help="of its messages: json has CloudEvents' attributes in headers, cloudevents all in one "
        "object, osprey the form of its actions; the others need --schema-registry, and "
        "`weir tables --register` before",
    )
    dead_letter_topic: str = option(
        "weir-dead-letters", metavar="T", help="of what cannot be processed"
    )


@dataclass(frozen=True)
class BigQueryOptions(Concern, title="BigQuery"):
    """The dataset of the tables and views."""

    project: str | None = option(
        None, name="bigquery-project", metavar="P", help="Google Cloud project of the tables"
    )
    dataset: str = option("weir", name="bigquery-dataset", metavar="D", help="their dataset")
    rest: str | None = option(
        None,
        Allowed(
            "give http://HOST:PORT",
            lambda url: re.fullmatch(_URL, url) is not None,
            {"pattern": f"^{_URL}$"},
        ),
        name="bigquery-rest",
        metavar="URL",
        help="an emulator's REST endpoint",
    )
    grpc: str | None = option(
        None,
        addresses("127.0.0.1:9060", most=1),
        name="bigquery-grpc",
        metavar="HOST:PORT",
        help="an emulator's gRPC one",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.rest) != bool(self.grpc):
            raise OptionError(
                "--bigquery-rest and --bigquery-grpc belong together: with one of them alone, rows "
                "would go to Google's service and questions to an emulator, or the other way round"
            )

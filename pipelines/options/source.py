"""Where posts come from, and how Kafka's brokers are reached."""

import argparse
from collections.abc import Sequence

from apache_beam.options.pipeline_options import PipelineOptions

from weir.pipelines.errors import OptionError
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.secret import KAFKA_PASSWORD, secret


class SourceOptions(PipelineOptions):
    """Where posts come from."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group("Kafka source")
        group.add_argument("--brokers", metavar="HOST:PORT,...", help="Kafka brokers to start from")
        group.add_argument("--topics", metavar="T,...", help="topics to moderate")
        group.add_argument(
            "--start",
            help='earliest, latest, an ISO 8601 time, offsets such as {"0": 120}, or group: where '
            "the last run of this name had got to (default: group, and earliest where there is "
            "none)",
        )
        group.add_argument(
            "--stop",
            default="never",
            help='never, latest (the end as it stands now), an ISO 8601 time, or {"0": 500}',
        )
        group.add_argument(
            "--accept_loss",
            action="store_true",
            help="go on, and count it, when retention removed messages before they were read",
        )
        group.add_argument(
            "--security_protocol",
            default="PLAINTEXT",
            help="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL; anything else is refused",
        )
        group.add_argument("--sasl_mechanism", help="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
        group.add_argument("--sasl_username", help=f"its password is read from ${KAFKA_PASSWORD}")
        group.add_argument("--ssl_cafile", help="certificate authority of the brokers (PEM)")
        group.add_argument("--ssl_certfile", help="client certificate (PEM)")
        group.add_argument("--ssl_keyfile", help="key of the client certificate (PEM)")


def kafka_options(argv: Sequence[str]) -> KafkaSettings:
    """Return how to connect from the source's options alone, as other commands take them."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    SourceOptions._add_argparse_args(parser)
    options, unknown = parser.parse_known_args(list(argv))
    if unknown:
        raise OptionError(f"{unknown[0].split('=')[0]} is not an option: see --help")
    return kafka_settings(options)


def kafka_settings(source: SourceOptions | argparse.Namespace) -> KafkaSettings:
    """Return how to connect; the password comes from the environment, never from an option."""
    password = secret(KAFKA_PASSWORD) if source.sasl_mechanism else None
    return KafkaSettings(
        bootstrap_servers=source.brokers,
        security_protocol=source.security_protocol,
        sasl_mechanism=source.sasl_mechanism,
        sasl_username=source.sasl_username,
        sasl_password=password,
        ssl_cafile=source.ssl_cafile,
        ssl_certfile=source.ssl_certfile,
        ssl_keyfile=source.ssl_keyfile,
    )

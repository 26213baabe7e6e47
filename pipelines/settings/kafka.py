"""How brokers are reached, from the options."""

from weir.pipelines.errors import OptionError
from weir.pipelines.options.source import KafkaOptions
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.secret import KAFKA_PASSWORD, Secret, secret


def kafka_settings(said: KafkaOptions) -> KafkaSettings:
    """Return how to connect; the password comes from the environment, never from an option.

    OptionError where no broker is named, SourceError where a connection would not be what it
    seems.
    """
    if not said.brokers:
        raise OptionError("--brokers is missing: HOST:PORT of a Kafka broker")
    return kafka_of(said, secret(KAFKA_PASSWORD) if said.sasl_mechanism else None)


def kafka_of(said: KafkaOptions, password: Secret | None) -> KafkaSettings:
    """Return how to connect with a password; SourceError as above."""
    return KafkaSettings(
        bootstrap_servers=said.brokers or "",
        security_protocol=said.security_protocol,
        sasl_mechanism=said.sasl_mechanism,
        sasl_username=said.sasl_username,
        sasl_password=password,
        sasl_token_url=said.sasl_token_url,
        sasl_token_scope=said.sasl_token_scope,
        ssl_cafile=said.ssl_cafile,
        ssl_certfile=said.ssl_certfile,
        ssl_keyfile=said.ssl_keyfile,
    )

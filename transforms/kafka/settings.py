"""How Weir connects to Kafka: one value, shared by the source, the sinks and the commands."""

import logging
import ssl
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import TopicAlreadyExistsError

from weir.transforms.kafka.errors import SourceError
from weir.transforms.kafka.security import (
    Mechanism,
    Protocol,
    check_files,
    check_login,
    mechanism_of,
    member,
    require_aws,
    tls,
)
from weir.transforms.kafka.tokens import TokenError, check_token_url, client_credentials
from weir.transforms.process.private_logs import withhold_content
from weir.transforms.secret import Secret

withhold_content("kafka")


def _worth_saying(record: logging.LogRecord) -> bool:
    # A client is closed beside its thread, which may just be reading from the connection, and finds
    # no socket (kafka-python 3.0): nobody waits for what would have been read.
    # Another version may log something else there, and a filter that raises ends the client.
    if record.funcName != "_sock_recv" or not isinstance(record.args, tuple):
        return True
    is_closing = getattr(next(iter(record.args), None), "is_closing", lambda: False)
    return not is_closing()


logging.getLogger("kafka.net.transport").addFilter(_worth_saying)


@dataclass(frozen=True)
class KafkaSettings:
    """Brokers and security. ``extra`` is passed to every kafka-python client as it is.

    Names are in any case. SourceError for what is not understood, or would not be used.
    """

    bootstrap_servers: str  # host:port[,host:port...]
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: Secret | None = field(default=None, repr=False)
    sasl_token_url: str | None = None  # of OAUTHBEARER; the user name is the client's id
    sasl_token_scope: str | None = None
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    ssl_check_hostname: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
    cluster_id: str | None = None  # as the brokers say, see ``with_cluster_id``

    def __post_init__(self) -> None:
        protocol = member(Protocol, "--security-protocol", self.security_protocol)
        mechanism = mechanism_of(self.sasl_mechanism) if self.sasl_mechanism is not None else None
        check_login(
            protocol, mechanism, self.sasl_username, self.sasl_password, self.sasl_token_url
        )
        if self.sasl_token_url is not None:
            check_token_url(self.sasl_token_url)
        check_files(protocol, self.ssl_cafile, self.ssl_certfile, self.ssl_keyfile)
        object.__setattr__(self, "security_protocol", protocol.value)
        object.__setattr__(self, "sasl_mechanism", mechanism and mechanism.value)

    def tls(self) -> ssl.SSLContext | None:
        """Return what a client trusts and shows, None where nothing is encrypted; SourceError."""
        if not Protocol(self.security_protocol).encrypted:
            return None
        return tls(
            self.ssl_cafile,
            self.ssl_certfile,
            self.ssl_keyfile,
            check_hostname=self.ssl_check_hostname,
        )

    @property
    def cluster(self) -> str:
        """Return the name of the cluster in decision ids.

        The brokers' own where it is known, so that a message keeps its ids whichever of them a
        job is started with.
        """
        return self.cluster_id or self.bootstrap_servers

    def client_config(self) -> dict[str, Any]:
        """Return the settings every client shares, as kafka-python names them."""
        settings: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers.split(","),
            "security_protocol": self.security_protocol,
            # With the default of 30 s a consumer woke 35 s after its broker was back.
            "reconnect_backoff_max_ms": 1000,
        }
        if self.sasl_mechanism:
            settings |= {"sasl_mechanism": self.sasl_mechanism} | self._login()
        if (context := self.tls()) is not None:
            settings["ssl_context"] = context
        return settings | dict(self.extra)

    def _login(self) -> dict[str, Any]:
        if self.sasl_mechanism == Mechanism.AWS_MSK_IAM:
            require_aws()
            return {}
        user, password = str(self.sasl_username), self.sasl_password or ""
        if self.sasl_token_url is not None:
            tokens = client_credentials(self.sasl_token_url, user, password, self.sasl_token_scope)
            return {"sasl_oauth_token_provider": tokens}
        return {"sasl_plain_username": user, "sasl_plain_password": password}

    def require_token(self) -> None:
        """Raise SourceError where no token can be had: the client would try again without end."""
        tokens = self._login().get("sasl_oauth_token_provider")
        if tokens is not None:
            try:
                tokens.token()
            except TokenError as error:
                raise SourceError(
                    f"{error}. Check the address, the client's id and password."
                ) from None

    def consumer(self, **overrides: Any) -> KafkaConsumer:
        """Return a consumer without a group that never jumps over what retention removed."""
        return KafkaConsumer(
            **self.client_config()
            | {
                "group_id": None,
                "enable_auto_commit": False,
                "auto_offset_reset": "none",
                "isolation_level": "read_committed",
            }
            | overrides
        )

    def producer(self, **overrides: Any) -> KafkaProducer:
        """Return an idempotent producer (acks=all)."""
        return KafkaProducer(
            **self.client_config() | {"linger_ms": 20, "compression_type": "lz4"} | overrides
        )

    def admin(self) -> KafkaAdminClient:
        """Return an admin client, for creating and describing topics."""
        return KafkaAdminClient(**self.client_config())


def with_cluster_id(settings: KafkaSettings) -> KafkaSettings:
    """Return the settings with the cluster's own id, where its brokers have one."""
    with closing(settings.admin()) as admin:
        return replace(settings, cluster_id=admin.describe_cluster().get("cluster_id"))


def ensure_topics(settings: KafkaSettings, names: Sequence[str], partitions: int = -1) -> None:
    """Create the topics that do not exist yet, by default as the broker would by itself."""
    admin = settings.admin()
    try:
        existing = set(admin.list_topics())
        missing = [name for name in names if name not in existing]
        if missing:
            with suppress(TopicAlreadyExistsError):  # another worker was faster
                admin.create_topics([NewTopic(name, partitions, -1) for name in missing])
    finally:
        admin.close()

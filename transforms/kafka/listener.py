"""Whether anything listens where the brokers should be, and speaks as the settings say."""

import socket
import ssl

from weir.transforms.kafka.errors import SourceError
from weir.transforms.kafka.security import named
from weir.transforms.kafka.settings import KafkaSettings


def require_listener(settings: KafkaSettings, timeout_seconds: float) -> None:
    """Raise SourceError unless a broker accepts a connection, and a certificate is trusted.

    The client tries for ever what cannot become right, and says only that it was not answered.
    """
    context = settings.tls()
    reasons = []
    for server in settings.bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition("://")[2].rpartition(":")
        host = host.strip("[]")
        try:
            with socket.create_connection((host, int(port)), timeout=timeout_seconds) as plain:
                if context is not None:
                    _shake_hands(plain, context, server, host, settings.ssl_cafile)
                return
        except (OSError, ValueError, OverflowError) as error:
            if isinstance(error, SourceError):
                raise
            reasons.append(f"{server}: {error}")
    raise SourceError(
        f"No Kafka broker answered ({'; '.join(reasons)}). Check the address, as HOST:PORT, and "
        "that the broker runs."
    )


def _shake_hands(
    plain: socket.socket, context: ssl.SSLContext, server: str, host: str, cafile: str | None
) -> None:
    try:
        with context.wrap_socket(plain, server_hostname=host):
            return
    except ssl.SSLCertVerificationError as error:
        trusted = f"--ssl-cafile {named(cafile)}" if cafile else "this machine's authorities"
        raise SourceError(
            f"The certificate of {server} is not trusted by {trusted}: {error.verify_message}. "
            "Name with --ssl-cafile the authority that signed it, in PEM."
        ) from error
    except (ssl.SSLError, ConnectionError, TimeoutError) as error:
        why = getattr(error, "reason", None) or type(error).__name__
        raise SourceError(
            f"{server} does not answer in TLS as --security-protocol says ({why}). Check the port, "
            "and whether it asks for a certificate (--ssl-certfile)."
        ) from error

"""How a connection to Kafka is secured: names in any case, files that are read, nothing guessed.

A name that a client library does not know is a connection in the clear, without a login. So what
is not understood is refused, and so is what the other settings would leave unused.
"""

import errno
import ssl
from enum import StrEnum
from typing import TypeVar

from weir.policies import storage
from weir.transforms.kafka.errors import SourceError

_MOST_FILE = 16 << 20  # bytes of certificates: what a system ships with is 200 KB
_PEM = b"-----BEGIN"
_JKS = b"\xfe\xed\xfe\xed"

Named = TypeVar("Named", bound=StrEnum)


class Protocol(StrEnum):
    """What is spoken with brokers."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def encrypted(self) -> bool:
        """Return whether it is TLS."""
        return self in (Protocol.SSL, Protocol.SASL_SSL)

    @property
    def logs_in(self) -> bool:
        """Return whether a user logs in by SASL."""
        return self in (Protocol.SASL_PLAINTEXT, Protocol.SASL_SSL)


class Mechanism(StrEnum):
    """How a user logs in."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


def member(kind: type[Named], option: str, text: str) -> Named:
    """Return the member of that name, in any case; SourceError where there is none."""
    for each in kind:
        if each.value == text.strip().upper():
            return each
    known = ", ".join(kind)
    raise SourceError(f"{option} {text!r} is unknown: it is one of {known}.")


def check_login(
    protocol: Protocol, mechanism: Mechanism | None, username: str | None, password: str | None
) -> None:
    """Raise SourceError where a login is half given, or would not be used."""
    if protocol.logs_in and mechanism is None:
        raise SourceError(f"--security-protocol={protocol} needs --sasl-mechanism.")
    if mechanism is not None and not protocol.logs_in:
        raise SourceError(
            f"--sasl-mechanism={mechanism} is of no use with --security-protocol={protocol}, where "
            "nobody logs in: give SASL_SSL, or SASL_PLAINTEXT."
        )
    if username and mechanism is None:
        raise SourceError("--sasl-username needs --sasl-mechanism and --security-protocol.")
    if mechanism is not None and not (username and password):
        raise SourceError(
            "--sasl-mechanism needs --sasl-username and a password in $WEIR_KAFKA_SASL_PASSWORD."
        )


def check_files(
    protocol: Protocol, cafile: str | None, certfile: str | None, keyfile: str | None
) -> None:
    """Raise SourceError where a file of certificates would not be used."""
    given = {"--ssl-cafile": cafile, "--ssl-certfile": certfile, "--ssl-keyfile": keyfile}
    if unused := [option for option, file in given.items() if file is not None]:
        if not protocol.encrypted:
            raise SourceError(
                f"{unused[0]} is of no use with --security-protocol={protocol}, which encrypts "
                "nothing: give SSL, or SASL_SSL."
            )
        if keyfile is not None and certfile is None:
            raise SourceError("--ssl-keyfile needs --ssl-certfile, the certificate of that key.")


def tls(
    cafile: str | None, certfile: str | None, keyfile: str | None, *, check_hostname: bool = True
) -> ssl.SSLContext:
    """Return what every client trusts and shows; SourceError names a file that cannot be used.

    Without a ``cafile`` the machine's own authorities are trusted.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = check_hostname
    if cafile is None:
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(cadata=_pem("--ssl-cafile", cafile))
        except ssl.SSLError as error:
            raise SourceError(_damaged("--ssl-cafile", cafile)) from error
    if certfile is not None:
        _pem("--ssl-certfile", certfile)
        if keyfile is not None:
            _pem("--ssl-keyfile", keyfile)
        try:
            context.load_cert_chain(certfile, keyfile, password=_no_password)
        except ssl.SSLError as error:
            own = f"--ssl-certfile {certfile}" + (f", --ssl-keyfile {keyfile}" if keyfile else "")
            raise SourceError(
                f"{own}: these are not a certificate and its key ({error.reason or 'damaged'}); "
                "name both, in PEM."
            ) from error
    return context


def _no_password() -> str:
    # OpenSSL would ask the terminal, in the middle of a job.
    raise SourceError("--ssl-keyfile is encrypted; give a key without a password.")


def _pem(option: str, file: str) -> str:
    try:
        content = storage.read(file, _MOST_FILE)
    except OSError as error:
        why = error.strerror or errno.errorcode.get(error.errno or 0, type(error).__name__)
        raise SourceError(
            f"{option} {file} cannot be read ({why}); name a file that is there, in PEM."
        ) from error
    if content.startswith(_JKS):
        raise SourceError(
            f"{option} {file} is a Java key store; export PEM from it: keytool -exportcert -rfc "
            f"-keystore {file}."
        )
    if _PEM not in content:
        raise SourceError(
            f"{option} {file} is not PEM (no line -----BEGIN CERTIFICATE----- or the like); "
            "convert it with openssl."
        )
    return content.decode("ascii", "ignore")  # comments may be in any language


def _damaged(option: str, file: str) -> str:
    return f"{option} {file} holds a damaged certificate; export it again, in PEM."

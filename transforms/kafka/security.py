"""How a connection to Kafka is secured: names in any case, files that are read, nothing guessed.

A name that a client library does not know is a connection in the clear, without a login. So what
is not understood is refused, and so is what the other settings would leave unused.
"""

import errno
import importlib.util
import ssl
import tempfile
from enum import StrEnum
from typing import TypeVar

from weir.policies import storage
from weir.transforms.kafka.errors import SourceError

_MOST_FILE = 16 << 20  # bytes of certificates: what a system ships with is 200 KB
_PEM = "-----BEGIN"
_JKS = b"\xfe\xed\xfe\xed"
# What a PKCS #12 file, which Java's key stores are by now, begins with: its version 3, and that
# what follows is data of PKCS #7.
_PKCS12 = bytes.fromhex("020103") + b"\x30"
_HEAD = 16

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
    OAUTHBEARER = "OAUTHBEARER"
    AWS_MSK_IAM = "AWS_MSK_IAM"


_KERBEROS = ("GSSAPI", "KERBEROS", "SSPI")


def mechanism_of(text: str) -> Mechanism:
    """Return the mechanism of that name, in any case; SourceError, which says why not Kerberos."""
    if text.strip().upper() in _KERBEROS:
        raise SourceError(
            f"--sasl-mechanism {text!r}: Kerberos is not supported, for its tickets are kept by a "
            "library and a daemon of the machine, which workers elsewhere lack. Give Weir "
            "a listener with OAUTHBEARER, SCRAM-SHA-512 or client certificates."
        )
    return member(Mechanism, "--sasl-mechanism", text)


def member(kind: type[Named], option: str, text: str) -> Named:
    """Return the member of that name, in any case; SourceError where there is none."""
    for each in kind:
        if each.value == text.strip().upper():
            return each
    known = ", ".join(kind)
    raise SourceError(f"{option} {text!r} is unknown: it is one of {known}.")


def check_login(
    protocol: Protocol,
    mechanism: Mechanism | None,
    username: str | None,
    password: str | None,
    token_url: str | None = None,
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
    if (mechanism is Mechanism.OAUTHBEARER) != (token_url is not None):
        raise SourceError(
            "--sasl-mechanism=OAUTHBEARER and --sasl-token-url belong together: that is where "
            "tokens are asked for."
        )
    if mechanism is Mechanism.AWS_MSK_IAM:
        _check_msk(protocol, username)
        return
    if mechanism is not None and not (username and password):
        raise SourceError(
            "--sasl-mechanism needs --sasl-username and a password in $WEIR_KAFKA_SASL_PASSWORD."
        )


def _check_msk(protocol: Protocol, username: str | None) -> None:
    if not protocol.encrypted:
        raise SourceError("--sasl-mechanism=AWS_MSK_IAM needs --security-protocol=SASL_SSL.")
    if username:
        raise SourceError(
            "--sasl-username is of no use with --sasl-mechanism=AWS_MSK_IAM: AWS's own variables "
            "and roles say who logs in."
        )


def require_aws() -> None:
    """Raise SourceError where what logs in at AWS's brokers is not installed."""
    if importlib.util.find_spec("botocore") is None:
        raise SourceError(
            "--sasl-mechanism=AWS_MSK_IAM needs botocore, which finds and refreshes credentials of "
            "AWS, here and where workers run: pip install botocore."
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
        own = _pem("--ssl-certfile", certfile)
        if keyfile is not None:
            own += "\n" + _pem("--ssl-keyfile", keyfile)
        try:
            _show(context, own)
        except ssl.SSLError as error:
            both = f"--ssl-certfile {named(certfile)}"
            both += f", --ssl-keyfile {named(keyfile)}" if keyfile else ""
            raise SourceError(
                f"{both}: these are not a certificate and its key ({error.reason or 'damaged'}); "
                "name both, in PEM."
            ) from error
    return context


def _show(context: ssl.SSLContext, own: str) -> None:
    # OpenSSL reads a certificate and its key from a file alone: from one that nobody else may read,
    # and that is gone at once.
    with tempfile.NamedTemporaryFile("w", encoding="ascii", suffix=".pem") as file:
        file.write(own)
        file.flush()
        context.load_cert_chain(file.name, password=_no_password)


def _no_password() -> str:
    # OpenSSL would ask the terminal, in the middle of a job.
    raise SourceError("--ssl-keyfile is encrypted; give a key without a password.")


def _pem(option: str, given: str) -> str:
    """Return PEM of a file, or the text itself where PEM is given in a file's place."""
    if given.lstrip().startswith(_PEM):
        return given
    try:
        content = storage.read(given, _MOST_FILE)
    except OSError as error:
        why = error.strerror or errno.errorcode.get(error.errno or 0, type(error).__name__)
        raise SourceError(
            f"{option} {given} cannot be read ({why}); name a file that is there, in PEM."
        ) from error
    if content.startswith(_JKS) or _PKCS12 in content[:_HEAD]:
        raise SourceError(
            f"{option} {given} is a Java key store, or PKCS #12: {_converted(option)}"
        )
    if _PEM.encode() not in content:
        raise SourceError(
            f"{option} {given} is not PEM (no line -----BEGIN CERTIFICATE----- or the like); "
            "convert it with openssl."
        )
    return content.decode("ascii", "ignore")  # comments may be in any language


def _converted(option: str) -> str:
    if option == "--ssl-cafile":
        return "write the certificates in it as PEM by keytool -list -rfc -keystore STORE > ca.pem."
    return (
        "bring it to PEM by keytool -importkeystore -srckeystore STORE -destkeystore own.p12 "
        "-deststoretype PKCS12, and openssl pkcs12 -in own.p12 -nodes -out own.pem; own.pem is "
        "--ssl-certfile and --ssl-keyfile at once."
    )


def named(given: str) -> str:
    """Return how a message names what was given: a file by its path, a text not at all."""
    return "(a text)" if given.lstrip().startswith(_PEM) else given


def _damaged(option: str, given: str) -> str:
    return f"{option} {named(given)} holds a damaged certificate; export it again, in PEM."

"""Secrets of a job: found where a worker is, and never in what describes the job to its workers.

A runner keeps the pipeline, and shows it: Prism to whoever asks its job service, Dataflow and Flink
on their pages and in the folder where it is staged.
"""

import os
from typing import Self

from apache_beam.io.filesystem import BeamIOError

from weir.errors import WeirError
from weir.policies.storage import filesystems

KAFKA_PASSWORD = "WEIR_KAFKA_SASL_PASSWORD"  # noqa: S105 - the variables' names
COOP_KEY = "WEIR_COOP_KEY"
ENDPOINT_KEY = "WEIR_ENDPOINT_KEY"
REGISTRY_LOGIN = "WEIR_SCHEMA_REGISTRY_LOGIN"
PSEUDONYM_KEY = "WEIR_PSEUDONYM_KEY"


class SecretError(WeirError, ValueError):
    """A secret is not where it was said to be; the message names the place alone."""


class Secret(str):
    """A text that is pickled as the name of the place that it is read from, and read there again.

    The place is an environment variable, or a file that Beam reads, such as gs://bucket/key.
    """

    variable: str
    file: str | None

    def __new__(cls, variable: str, file: str | None = None) -> Self:
        """Read it; SecretError where it is not there."""
        made = super().__new__(cls, _read(variable, file))
        made.variable, made.file = variable, file
        return made

    def __reduce__(self) -> tuple[type["Secret"], tuple[str, str | None]]:
        return Secret, (self.variable, self.file)

    def __repr__(self) -> str:
        return f"<the secret in {self.file or self.variable}>"


class _NotRead(Secret):
    """A text that stands for a secret, and is the same everywhere."""

    def __new__(cls) -> Self:
        """Return it, as long as the longest that is asked for."""
        made = str.__new__(cls, "x" * 32)
        made.variable, made.file = "", None
        return made


# For checks of what is said around a secret that nobody needs to look for.
SECRET_NOT_READ: Secret = _NotRead()


def secret(variable: str) -> Secret | None:
    """Return the secret in $VARIABLE, or in the file that $VARIABLE_FILE names; None for neither.

    Workers elsewhere need the variable too, or the file, which they read themselves.
    """
    file = os.environ.get(f"{variable}_FILE") or None
    return Secret(variable, file) if file or os.environ.get(variable, "").strip("\r\n") else None


def _read(variable: str, file: str | None) -> str:
    found = os.environ.get(variable, "").strip("\r\n")
    if found or file is None:
        if not found:
            raise SecretError(
                f"${variable} is not set where a worker runs: set it there too, or name a file "
                f"that workers read, such as gs://bucket/key, in ${variable}_FILE at the start"
            )
        return found
    try:
        with filesystems().open(file) as opened:
            return str(opened.read().decode("utf-8", "surrogateescape").strip("\r\n"))
    except (BeamIOError, OSError, ValueError) as error:
        raise SecretError(
            f"${variable}_FILE {file} cannot be read: {type(error).__name__}"
        ) from None

"""What is stored of what was decided: the options of how many rows, and how much of a post."""

import argparse
import re
from dataclasses import dataclass

from apache_beam.options.pipeline_options import PipelineOptions

from weir.pipelines.errors import OptionError
from weir.transforms.secret import PSEUDONYM_KEY, Secret, SecretError, secret
from weir.transforms.write.redaction import Redaction, StoreText

_SHORTEST_KEY = 16  # bytes: what cannot be tried through
_SHARE = re.compile(r"(?P<percent>\d+(?:\.\d*)?)%")


class StoringOptions(PipelineOptions):
    """How much is stored."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group("Storing")
        group.add_argument(
            "--record_cleared",
            default="all",
            metavar="all|1%|none",
            help="which of the posts that every policy cleared get a row in screenings: a share "
            "is drawn by a hash of their ids, and views weigh by it; with none, rates are unknown",
        )
        group.add_argument(
            "--store_text",
            default=str(StoreText.FULL),
            choices=[str(each) for each in StoreText],
            help="what BigQuery and dead letters keep of a post's text and of what may quote it; "
            f"hash: keyed by ${PSEUDONYM_KEY}. Dead letters without it cannot be redriven",
        )
        group.add_argument(
            "--author_field",
            default="",
            help="path of the author's id, of which a pseudonym is kept, keyed by "
            f"${PSEUDONYM_KEY}",
        )


@dataclass(frozen=True)
class Storing:
    """How much is stored."""

    record_cleared: float = 1.0
    redaction: Redaction = Redaction(StoreText.FULL)  # noqa: RUF009 - it is frozen

    @property
    def whole(self) -> bool:
        """Return whether dead letters keep their messages."""
        return self.redaction.store is StoreText.FULL


def storing_of(options: StoringOptions) -> Storing:
    """Return what to store; OptionError names an option that cannot be kept."""
    store = StoreText(options.store_text)
    key = pseudonym_key("--store_text=hash") if store is StoreText.HASH else None
    return Storing(_share(options.record_cleared), Redaction(store, key))


def pseudonym_key(needed_by: str) -> Secret:
    """Return the key of pseudonyms and hashes; OptionError where there is none, or a short one."""
    try:
        key = secret(PSEUDONYM_KEY)
    except SecretError as error:
        raise OptionError(f"{needed_by}: {error}") from error
    if key is None or len(key.encode("utf-8", "surrogateescape")) < _SHORTEST_KEY:
        raise OptionError(
            f"{needed_by} needs a secret of at least {_SHORTEST_KEY} bytes in ${PSEUDONYM_KEY}; "
            "keep it, for another one makes other pseudonyms"
        )
    return key


def _share(text: str) -> float:
    words = {"all": 1.0, "none": 0.0}
    if text in words:
        return words[text]
    found = _SHARE.fullmatch(text)
    share = float(found["percent"]) / 100 if found else -1.0
    if not 0 < share <= 1:
        raise OptionError(f"--record_cleared is {text!r}; give all, none, or a share such as 1%")
    return share

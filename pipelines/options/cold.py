"""The options of a cold start: what is done for a policy that the screen has no head for."""

import argparse
from dataclasses import dataclass

from apache_beam.options.pipeline_options import PipelineOptions

from weir.pipelines.errors import OptionError
from weir.transforms.screen.cold.fit import ColdSettings

DEFAULT = "0.1"  # as the other heads have it
ENCODERS = ("off", "teach", "rerank")


class ColdStartOptions(PipelineOptions):
    """What becomes of a policy without a head."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group(
            "Cold start",
            "A policy that the screen has no head for gets one as the job starts, from its "
            "labelled examples and the last posts of the topics. What it misses is not certified; "
            "`weir screen add` writes such a screen to a folder.",
        )
        group.add_argument(
            "--cold_start",
            default=DEFAULT,
            metavar="SHARE|off",
            help="share of the posts that may be judged for such a policy, the audit sample "
            "included, where it is to be another than that of the other heads; off: all of them",
        )
        group.add_argument(
            "--encoder",
            default="off",
            choices=ENCODERS,
            help="a sentence encoder, where it is installed (a run without it says how). teach: "
            "the head learns from it as the job starts, which takes up to a minute; rerank: it "
            "also reads 30 %% of the posts, at 10 to 40 ms of a core each, for streams of at most "
            "some hundred posts a second",
        )


@dataclass(frozen=True)
class ColdStart:
    """A cold start that was asked for."""

    settings: ColdSettings
    encoder: bool

    @classmethod
    def parse(cls, budget: str, audit_rate: float, encoder: str) -> "ColdStart":
        """Return a cold start from a budget and the name of what the encoder does."""
        share = share_of(budget)
        if encoder not in ENCODERS:
            raise OptionError(f"--encoder is {encoder!r}; it is one of {', '.join(ENCODERS)}")
        try:
            settings = ColdSettings(share, audit_rate, reranks=encoder == "rerank")
        except ValueError as error:
            raise OptionError(f"A cold start is not possible: {error}") from error
        return cls(settings, encoder != "off")


def share_of(budget: str) -> float:
    """Return a budget as a number; OptionError where it is none in (0, 1]."""
    try:
        share = float(budget)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise OptionError(
            f"The budget of a cold start is {budget!r}; give a share such as 0.1, or, to a run, off"
        )
    return share

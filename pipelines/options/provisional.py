"""Provisional flags: the option, and what has to be there for them."""

import argparse

from apache_beam.options.pipeline_options import PipelineOptions

from weir.pipelines.errors import OptionError
from weir.pipelines.options.stages import Stages
from weir.policies.policy import PolicySet
from weir.transforms.records import Mode
from weir.transforms.screen import ScreenSource
from weir.transforms.screen.provisional import any_flags


class ProvisionalOptions(PipelineOptions):
    """Whether posts are flagged before they are judged."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group("Provisional flags")
        group.add_argument(
            "--provisional",
            action="store_true",
            help="send a flag as soon as a post is screened, where its score reaches the "
            "threshold that weir screen train --precision certified: an event "
            "org.weir.provisional.v1 on the flagged topic. The verdict follows under the same id, "
            "as the violation or as org.weir.withdrawal.v1. Who reads the topic has to tell them "
            "apart by ce_type",
        )


def provisional_of(
    options: ProvisionalOptions,
    stages: Stages,
    screen: ScreenSource,
    policies: PolicySet,
    mode: Mode,
) -> bool:
    """Return whether provisional flags are on; OptionError where none could ever be sent."""
    if not options.provisional:
        return False
    if not stages.screens:
        raise OptionError(
            "--provisional is for the job that screens; the one that judges answers its flags "
            "without it"
        )
    if mode != Mode.ENFORCE:
        raise OptionError(f"--provisional flags nothing with --mode={mode}; leave it out")
    if not any_flags(screen.screen(), policies, mode):
        raise OptionError(
            f"--provisional: no head of the screen {screen.path} is certified for a precision, "
            "or its policy is in shadow; train one with weir screen train --precision 0.95"
        )
    return True

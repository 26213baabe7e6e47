"""How much of the stream the screen may send to the judge: the options, and what they come to."""

import argparse

from apache_beam.options.pipeline_options import PipelineOptions

from weir.pipelines.errors import OptionError
from weir.policies.policy import PolicySet
from weir.transforms.screen import ScreenSource
from weir.transforms.screen.thresholds.allocation import Asked
from weir.transforms.screen.thresholds.applied import StreamShares

DEFAULT = 0.1


class ShareOptions(PipelineOptions):
    """What a head may ask of the judge that the user's own labels have not certified."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group(
            "What the screen may ask",
            "A head that no labels of your own have certified is open for a share of the stream, "
            "in each language by itself: the cost is chosen, and the audits say what is missed. "
            "Thresholds are taken from the last posts of the topics as the job starts and follow "
            "the stream slowly. What an attack brings beyond three times the share goes to "
            "--deferred_topic. `weir screen measure` says beforehand what that comes to.",
        )
        group.add_argument(
            "--budget_per_head",
            default=None,
            metavar="SHARE|off",
            help=f"share of the posts that each head may have judged, its audits included (default "
            f"{DEFAULT:g}); off: the thresholds are those of the screen's file, whatever they cost",
        )
        group.add_argument(
            "--requests_per_1000",
            type=float,
            metavar="N",
            help="instead: requests for 1,000 posts, of all heads together, divided where they buy "
            "most recall as far as the screen says, else equally",
        )


def shares_of(
    per_head: str | None,
    per_1000: float | None,
    audit_rate: float,
    screen: ScreenSource,
    policies: PolicySet,
) -> StreamShares | None:
    """Return what heads are open for; None where the screen's own thresholds hold.

    OptionError where the options contradict each other or pay for nothing but audits.
    """
    if per_head is not None and per_1000 is not None:
        raise OptionError("--budget_per_head and --requests_per_1000 say the same; give one")
    if per_head == "off":
        return None
    asked = _asked(per_head, per_1000, audit_rate)
    there = {policy.policy_id for policy in policies.policies}
    heads = [head for head in screen.screen().policy_ids if head in there]
    if problem := asked.problem(len(heads), audit_rate):
        raise OptionError(problem)
    return StreamShares(asked)


def _asked(per_head: str | None, per_1000: float | None, audit_rate: float) -> Asked:
    try:
        if per_1000 is not None:
            return Asked(per_1000=per_1000)
        if per_head is not None:
            return Asked(per_head=float(per_head))
    except ValueError as error:
        option = "--requests_per_1000" if per_1000 is not None else "--budget_per_head"
        given = per_1000 if per_1000 is not None else per_head
        raise OptionError(
            f"{option} is {given!r}; give a share above 0, at most 1, such as 0.1, or a number of "
            "requests above 0"
        ) from error
    # Whoever audits more than that has not asked for fewer escalations by it.
    return Asked(DEFAULT if audit_rate < DEFAULT else min(1.0, audit_rate + DEFAULT))

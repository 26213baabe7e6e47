"""A head for every policy that the screen has none for, as a job starts."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

from weir.distribution import install_command
from weir.pipelines.screening.stream_sample import posts_of_topics
from weir.pipelines.settings import ModerationSettings
from weir.pipelines.settings.cold import ColdStart
from weir.policies.policy import Policy
from weir.transforms.read import SourceError
from weir.transforms.screen import ScreenError
from weir.transforms.screen.cold.extra_heads import ExtraHead
from weir.transforms.screen.cold.fit import ColdReport, ColdStarter, Labelled, Stream
from weir.transforms.screen.cold.source import ColdScreenSource
from weir.transforms.screen.model import Screen
from weir.transforms.screen.second_stage.encoder import Encoder


@dataclass(frozen=True)
class Fitted:
    """The heads of a cold start, what the card says of each, and who got none and why."""

    heads: tuple[ExtraHead, ...]
    reports: tuple[ColdReport, ...]
    refusals: tuple[str, ...]


def cold_started(settings: ModerationSettings) -> ModerationSettings:
    """Return the settings with a head for every policy that can have one; says so on stderr.

    Where none can be fitted the policy's posts are all judged, as without a cold start.
    OptionError where the audits take the whole share; ScreenError where the encoder is missing.
    """
    chosen = settings.said.cold
    if chosen.cold_start == "off":
        return settings
    # Where every post is audited nothing is left to rank.
    if not settings.stages.screens or settings.audit_rate >= 1:
        return settings
    screen = settings.screen.screen()
    missing = headless(settings.policies.policies, screen)
    if not missing:
        return settings
    start = ColdStart.of(float(chosen.cold_start), settings.audit_rate, chosen.encoder)
    encoder = Encoder.load() if start.encoder else None
    try:
        # A replay that goes on fits the same heads again, whatever has arrived meanwhile.
        within = settings.replay.whole if settings.replay else None
        sample = posts_of_topics(settings.kafka, settings.topics, settings.decode, within=within)
        fitted = fit(missing, screen, sample, start, encoder)
    except (SourceError, ScreenError) as error:
        ids = ", ".join(policy.policy_id for policy in missing)
        _say(f"no cold start, so every post is judged for {ids}: {error}")
        return settings
    for refusal in fitted.refusals:
        _say(f"no cold start, so every post is judged: {refusal}")
    for report in fitted.reports:
        _say(f"{report.policy_id}: {report.expectation}")
    if not fitted.heads:
        return settings
    source = ColdScreenSource.extend(settings.screen, fitted.heads, fitted.reports)
    shares = settings.shares
    if shares is not None and chosen.share is not None:
        own = tuple((head.policy_id, start.settings.escalated) for head in fitted.heads)
        shares = replace(shares, own=own)
    return replace(settings, screen=source, shares=shares)


def headless(policies: Sequence[Policy], screen: Screen) -> list[Policy]:
    """Return the policies that a screen has no head for."""
    return [policy for policy in policies if policy.policy_id not in screen.policy_ids]


def fit(
    policies: Sequence[Policy],
    screen: Screen,
    sample: Sequence[str],
    start: ColdStart,
    encoder: Encoder | None,
) -> Fitted:
    """Fit a head for each policy; one whose examples are all of a kind is refused by itself.

    ScreenError where nothing can be fitted for any: too small a sample, no scikit-learn.
    """
    if find_spec("sklearn") is None:
        raise ScreenError(f"A cold start needs scikit-learn: {install_command('screen')}")
    starter = ColdStarter(screen.scale, Stream.of(sample), encoder)
    heads: list[ExtraHead] = []
    reports: list[ColdReport] = []
    refusals: list[str] = []
    for policy in policies:
        examples = Labelled.of(policy)
        try:
            head = starter.head(policy.policy_id, examples, start.settings)
        except ScreenError as error:
            refusals.append(str(error))
            continue
        heads.append(head)
        reports.append(starter.report(head, examples, start.settings))
    return Fitted(tuple(heads), tuple(reports), tuple(refusals))


def _say(sentence: str) -> None:
    sys.stderr.write(f"weir: {sentence}\n")

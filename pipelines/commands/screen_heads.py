"""``weir screen add``: heads for policies that a trained screen has none for."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from weir.pipelines.commands.terminal import Policies
from weir.pipelines.errors import OptionError, report_errors, require_folder
from weir.pipelines.options.content import DecodeOptions
from weir.pipelines.options.source import KafkaOptions
from weir.pipelines.posts import read_posts
from weir.pipelines.screening.cold_start import fit, headless
from weir.pipelines.screening.stream_sample import POSTS, posts_of_topics
from weir.pipelines.settings.cold import ColdStart
from weir.pipelines.settings.decoding import decode_settings
from weir.pipelines.settings.kafka import kafka_settings
from weir.policies.loading import LIBRARY, load_policies
from weir.policies.policy import Policy, PolicyError, PolicySet
from weir.transforms.screen import STARTER, Screen, ScreenError, ScreenSource
from weir.transforms.screen.cold.extra_heads import ExtraHead, with_heads
from weir.transforms.screen.cold.fit import ColdReport
from weir.transforms.screen.cold.source import extended_card
from weir.transforms.screen.second_stage.encoder import Encoder

console = Console()

Out = Annotated[Path, typer.Option(help="Folder to write screen.npz and card.json to.")]
ScreenPath = Annotated[str, typer.Option("--screen", help="Screen to start from.")]
PostsFile = Annotated[
    Path | None,
    typer.Option(
        help="File of posts such as the stream has: CSV, JSON, JSON Lines or Parquet, packed or "
        "not. Or give --brokers and --topics."
    ),
]
Topics = Annotated[str, typer.Option(help="Topics that have such posts, separated by commas.")]
Budget = Annotated[
    float, typer.Option(help="Share of the posts that may be judged, the audit sample included.")
]
AuditRate = Annotated[float, typer.Option(help="As the runs have it.")]
Teach = Annotated[bool, typer.Option("--teach", help="Let the sentence encoder teach the head.")]


def add_heads(
    kafka: KafkaOptions,
    decoding: DecodeOptions,
    out: Out,
    policy: Annotated[list[str] | None, typer.Option(help="Default: all without a head.")] = None,
    posts: PostsFile = None,
    topics: Topics = "",
    screen: ScreenPath = STARTER,
    policies: Policies = str(LIBRARY),
    budget: Budget = 0.1,
    audit_rate: AuditRate = 0.01,
    teach: Teach = False,
) -> None:
    """Give policies a head from their labelled examples, and write the screen that has it.

    What it misses is not certified. A run does the same by itself as it starts, for that run.
    """
    with report_errors():
        require_folder("--out", out)
        start = ColdStart.of(budget, audit_rate, "teach" if teach else "off")
        base, source = Screen.load(screen), ScreenSource.of(screen)
        chosen = _chosen(load_policies(policies), policy or [], base)
        sample = _sample(posts, kafka, topics, decoding)
        fitted = fit(chosen, base, sample, start, Encoder.load() if teach else None)
        if fitted.refusals:
            raise ScreenError(fitted.refusals[0])
        written = _write(base, source, fitted.heads, fitted.reports, out)
    for report in fitted.reports:
        console.print(f"{report.policy_id}: {report.expectation}", markup=False, highlight=False)
    console.print(f"the screen {written.version} is in {out}", markup=False)


def _chosen(policies: PolicySet, wanted: Sequence[str], screen: Screen) -> list[Policy]:
    known = {policy.policy_id: policy for policy in policies.policies}
    for policy_id in wanted:
        if policy_id not in known:
            raise PolicyError(f"there is no policy {policy_id!r}; there are: {', '.join(known)}")
    chosen = [known[policy_id] for policy_id in dict.fromkeys(wanted)]
    if not chosen:
        chosen = headless(policies.policies, screen)
    if not chosen:
        raise OptionError("Every policy has a head in this screen; name one by --policy.")
    return chosen


def _sample(
    posts: Path | None, kafka: KafkaOptions, topics: str, decoding: DecodeOptions
) -> list[str]:
    """Return the text of posts of a file, or of topics."""
    decode = decode_settings(decoding)
    if posts is not None:
        file = read_posts(posts, decode)
        sys.stderr.write(f"weir: {file}\n")
        return list(file.texts[:POSTS])
    named = tuple(name.strip() for name in topics.split(",") if name.strip())
    if not (kafka.brokers and named):
        raise OptionError("No posts are named; give a file by --posts, or --brokers and --topics")
    return posts_of_topics(kafka_settings(kafka), named, decode)


def _write(
    base: Screen,
    source: ScreenSource,
    heads: Sequence[ExtraHead],
    reports: Sequence[ColdReport],
    out: Path,
) -> Screen:
    written = with_heads(base, heads)
    told = [report.to_json() for report in reports]
    written.save(out, extended_card(source.card(), written.version, told))
    return written

"""``weir screen train``: heads of your own, from labels and from verdicts."""

import hashlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from weir.pipelines.commands.screen_show import print_certificates
from weir.pipelines.commands.terminal import Policies, console
from weir.pipelines.errors import OptionError, report_errors, require_folder
from weir.pipelines.options.screening import ReadingOptions
from weir.pipelines.options.sinks import BigQueryOptions
from weir.pipelines.posts import read_posts
from weir.pipelines.screening.verdict_labels import posts_from_verdicts
from weir.pipelines.settings.bigquery import bigquery_settings
from weir.pipelines.settings.screens import encoder_for, screen_source
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.decode import DecodeSettings
from weir.transforms.screen.training.label_files import read_labels
from weir.transforms.screen.training.labelled import (
    LabelledSet,
    golden_examples,
    ordinary_streams,
    presumed_safe,
    public_sets,
)


def train_screen(
    bigquery: BigQueryOptions,
    reading: ReadingOptions,
    out: Annotated[Path, typer.Option(help="Folder to write screen.npz and card.json to.")],
    labels: Annotated[
        list[Path] | None,
        typer.Option(
            help="CSV, JSON, JSON Lines or Parquet, packed or not, with a column `text` and one "
            "column per policy: 1 violates, 0 does not, empty is not known. More files may follow."
        ),
    ] = None,
    more: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", hidden=True)] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the public sets that the starter screen is made from."),
    ] = None,
    from_verdicts: Annotated[
        bool,
        typer.Option("--from-verdicts", help="Learn from the judge's verdicts in BigQuery too."),
    ] = False,
    policies: Policies = str(LIBRARY),
    recall: Annotated[float, typer.Option(help="To certify for every head.")] = 0.95,
    confidence: Annotated[float, typer.Option(help="Of the certificates.")] = 0.95,
    supported: Annotated[
        bool,
        typer.Option(
            "--supported",
            help="Put each threshold where the labelled posts show the recall, and certify what "
            "they support of it: of 80 violating posts .889 instead of .95, which clears far more "
            "safe ones. Five are enough then.",
        ),
    ] = False,
    budget: Annotated[
        float, typer.Option(help="Share of safe posts that a head without one lets through.")
    ] = 0.2,
    precision: Annotated[
        float | None,
        typer.Option(
            help="To certify for provisional flags, which weir run --provisional sends before the "
            "verdict. It holds where as many posts violate as of the labelled ones."
        ),
    ] = None,
    provisional_prevalence: Annotated[
        float | None,
        typer.Option(
            help="Share of the stream that violates a policy: the precision is then meant for it. "
            "Takes many more labels."
        ),
    ] = None,
    examples: Annotated[
        bool, typer.Option(help="Learn from the policies' own examples too; none calibrates.")
    ] = True,
    posts: Annotated[
        Path | None,
        typer.Option(
            help="Posts such as your stream has, unlabelled: CSV, JSON, JSON Lines or Parquet, "
            "packed or not. Heads learn what is ordinary from them, and the card says how many of "
            "them each escalates."
        ),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="File that keeps what the encoder read.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Of the label files, for the card.")] = "unstated",
    date: Annotated[str | None, typer.Option(help="A date to write on the card.")] = None,
) -> None:
    """Train a screen from labelled posts, the judge's verdicts, and the policies' own examples.

    Each head gets the highest threshold whose recall is certified on labelled posts that it has
    not learned from; one with too few violating posts is open as far as the budget allows. No
    certificate rests on verdicts. With the sentence encoder, which reads some 100 posts a second,
    both stages are trained and certified together, and the first for runs without the second.
    """
    with report_errors():
        require_folder("--out", out)
        from weir.transforms.screen.training.settings import TrainingSettings
        from weir.transforms.screen.training.train import train  # imports scikit-learn: seconds

        settings = TrainingSettings(
            recall, confidence, budget, date, precision, provisional_prevalence, supported
        )
        loaded = load_policies(policies)
        policy_ids = [policy.policy_id for policy in loaded.policies]
        files = [*(labels or ()), *((more or ()) if labels else ())]
        if from_verdicts != (bigquery.project is not None):
            raise OptionError(
                "--from-verdicts and --bigquery-project go together; give both or neither"
            )
        sets = _label_sets(files, policy_ids, licence) + (_public(data, policy_ids) if data else [])
        if from_verdicts:
            sets += posts_from_verdicts(bigquery_settings(bigquery), loaded.policies)
        if not sets:
            raise OptionError(
                "There is nothing to learn from; name files of labels by --labels, or give "
                "--from-verdicts."
            )
        if examples:
            sets = [*sets, golden_examples(loaded)]
        if posts is not None:
            sets = [*sets, _ordinary(posts, policy_ids)]
        encoder = encoder_for(reading)
        trained = train(sets, policy_ids, settings, encoder, cache)
        trained.save(out)
        stages = ReadingOptions(reading="off" if encoder is None else "on")
        written = screen_source(str(out), stages)
    for warning in trained.warnings:
        _warn(warning)
    print_certificates(written.screen(), written.card())
    console.print(f"the screen {written.version} is in {out}", markup=False)


def _label_sets(files: list[Path], policy_ids: list[str], licence: str) -> list[LabelledSet]:
    read = [read_labels(path, policy_ids, licence) for path in files]
    for file in read:
        for warning in file.warnings:
            _warn(warning)
    return [file.labelled for file in read]


def _ordinary(file: Path, policy_ids: list[str]) -> LabelledSet:
    read = read_posts(file, DecodeSettings())
    _warn(str(read))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return presumed_safe((file.stem, file.name, "unstated"), digest, read.texts, policy_ids)


def _public(data: Path, policy_ids: list[str]) -> list[LabelledSet]:
    try:
        # What a recall is promised of is the stream of whoever uses the screen.
        sets = public_sets(data) + ordinary_streams(data, policy_ids)
        return [replace(each, own=False) for each in sets]
    except OSError as error:
        raise OptionError(
            f"The public sets are not in {data} ({error.strerror}: {error.filename}); --data is "
            "only for making the starter screen, --labels is for your own."
        ) from error


def _warn(sentence: str) -> None:
    sys.stderr.write(f"weir: {sentence}\n")

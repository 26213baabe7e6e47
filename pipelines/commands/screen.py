"""The ``weir screen`` commands."""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from weir.pipelines.commands.terminal import AsJson, Policies, console, print_table
from weir.pipelines.errors import OptionError, reported
from weir.pipelines.options.screening import ReadingOptions
from weir.pipelines.options.sinks import BigQueryOptions
from weir.pipelines.screening.verdict_labels import posts_from_verdicts
from weir.pipelines.settings.bigquery import bigquery_settings
from weir.pipelines.settings.screens import screen_source
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.screen import STARTER, Screen
from weir.transforms.screen.certificate import Certificate
from weir.transforms.screen.training.label_files import read_labels
from weir.transforms.screen.training.labelled import (
    LabelledSet,
    golden_examples,
    ordinary_streams,
    public_sets,
)

_SHOWN = (0.01, 0.02, 0.05, 0.1, 0.2)  # shares of ordinary posts that a head may be open for


def train_screen(
    bigquery: BigQueryOptions,
    out: Annotated[Path, typer.Option(help="Folder to write screen.npz and card.json to.")],
    labels: Annotated[
        list[Path] | None,
        typer.Option(
            help="CSV or Parquet file with a column `text` and one column per policy: 1 violates, "
            "0 does not, empty is not known. More files may follow."
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
    read: Annotated[
        bool,
        typer.Option(
            help="Fit the second stage too, which reads with the sentence encoder. "
            "Its thresholds are no certificates, so only with --data."
        ),
    ] = False,
    cache: Annotated[
        Path | None, typer.Option(help="File that keeps what the encoder read, for --read.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Of the label files, for the card.")] = "unstated",
    date: Annotated[str | None, typer.Option(help="A date to write on the card.")] = None,
) -> None:
    """Train a screen from labelled posts, the judge's verdicts, and the policies' own examples.

    Each head gets the highest threshold whose recall is certified on labelled posts that it has
    not learned from; one with too few violating posts is open as far as the budget allows. No
    certificate rests on verdicts.
    """
    with reported():
        from weir.transforms.screen.reading.encoder import Encoder
        from weir.transforms.screen.training.reader_fit import few, fit_reader
        from weir.transforms.screen.training.train import (  # imports scikit-learn: seconds
            TrainingSettings,
            train,
        )

        settings = TrainingSettings(
            recall, confidence, budget, date, precision, provisional_prevalence
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
        if read and data is None:
            raise OptionError("--read goes with --data: it has no certificates for your labels")
        encoder = Encoder.load() if read else None
        trained = train(sets, policy_ids, settings)
        trained.screen.save(out, trained.card)
        if encoder is not None:
            fit_reader(trained.screen, few(sets), encoder, cache).save(out)
    for warning in trained.warnings:
        _warn(warning)
    print_certificates(trained.screen)
    console.print(f"the screen {trained.screen.version} is in {out}", markup=False)


def _label_sets(files: list[Path], policy_ids: list[str], licence: str) -> list[LabelledSet]:
    read = [read_labels(path, policy_ids, licence) for path in files]
    for file in read:
        for warning in file.warnings:
            _warn(warning)
    return [file.labelled for file in read]


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


def show_screen(
    screen: Annotated[str, typer.Argument(help="Folder of a screen.")] = STARTER,
    policies: Policies = str(LIBRARY),
    as_json: AsJson = False,
) -> None:
    """Print what each head of a screen promises, and on which posts."""
    with reported():
        loaded = screen_source(screen, ReadingOptions()).screen()
        known = [policy.policy_id for policy in load_policies(policies).policies]
    if ignored := loaded.gone(known):
        _warn(ignored)
    if as_json:
        typer.echo(json.dumps(certificates_json(loaded), indent=2, ensure_ascii=False))
        return
    typer.echo(f"screen {loaded.version}, {len(loaded.policy_ids)} heads")
    print_certificates(loaded)


def certificates_json(screen: Screen) -> dict[str, Any]:
    """Return a screen's version and the certificate of each head, null where there is none."""
    found = {policy_id: screen.certificate(policy_id) for policy_id in screen.policy_ids}
    heads = {policy_id: asdict(each) if each else None for policy_id, each in found.items()}
    provisional = {each.policy_id: asdict(each) for each in screen.provisional}
    return {
        "screen_version": screen.version,
        "certificates": heads,
        **({"provisional": provisional} if provisional else {}),
    }


def print_certificates(screen: Screen) -> None:
    """Print a table of what each head promises, and one of what a share of a stream buys."""
    certificates = [(p, screen.certificate(p)) for p in screen.policy_ids]
    if screen.certificates or not screen.selectivity:
        print_table(
            "what the screen promises",
            ["policy", "promise", "may miss", "escalates"],
            [[policy_id, *_cells(certificate)] for policy_id, certificate in certificates],
        )
    if measured := [head for head in screen.selectivity if head.recall is not None]:
        print_table(
            "what a share of ordinary posts finds",
            ["policy", *(f"{share:.0%}" for share in _SHOWN)],
            [[head.policy_id, *map(_percent, head.found(_SHOWN))] for head in measured],
        )
        console.print(
            "Measured on public sets that taught a head nothing. A promise needs your own labels.",
            markup=False,
            highlight=False,
        )
    certified = [each for each in screen.certificates if each.certified]
    for name in sorted({each.calibration_set for each in certified}):
        promised = [each.policy_id for each in certified if each.calibration_set == name]
        console.print(
            f"{', '.join(promised)}: on posts that come as those of {name} did, and on no others.",
            markup=False,
            highlight=False,
        )
    for precise in screen.provisional:
        console.print(f"provisional flags of {precise}", markup=False, highlight=False)


def _percent(share: float) -> str:
    return f"{share:.0%}"


def _cells(certificate: Certificate | None) -> list[str]:
    if certificate is None:
        return ["none: never calibrated", "", ""]
    escalates = f"{certificate.escalation_rate:.0%}"
    if not certificate.certified:
        return [f"none: label {certificate.labels_needed} more that violate", "", escalates]
    return [
        f"recall {certificate.recall:g}, confidence {certificate.confidence:g}",
        f"{certificate.misses_allowed} of {certificate.positives}",
        escalates,
    ]

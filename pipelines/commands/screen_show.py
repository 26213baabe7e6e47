"""``weir screen show``: what each head promises, on which posts, and what it costs."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from weir.pipelines.commands.terminal import AsJson, Policies, console, print_table, quantity
from weir.pipelines.errors import report_errors
from weir.pipelines.options.screening import ReadingOptions
from weir.pipelines.settings.screens import screen_source
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.screen import STARTER, Screen, ScreenSource
from weir.transforms.screen.second_stage.screen import ReadingScreen, fields_of

_SHOWN = (0.01, 0.02, 0.05, 0.1, 0.2)  # shares of ordinary posts that a head may be open for

_Figures = Mapping[str, Any]


def show_screen(
    screen: Annotated[str, typer.Argument(help="Folder of a screen.")] = STARTER,
    policies: Policies = str(LIBRARY),
    as_json: AsJson = False,
) -> None:
    """Print what each head of a screen promises, on which posts, and what that costs."""
    with report_errors():
        source = screen_source(screen, ReadingOptions())
        loaded = source.screen()
        known = [policy.policy_id for policy in load_policies(policies).policies]
    if ignored := loaded.gone_heads(known):
        sys.stderr.write(f"weir: {ignored}\n")
    if not fields_of(ScreenSource.of(screen).card()).get("heads"):
        lost = "its card.json is missing or damaged, so what it knows of the heads is left out"
        sys.stderr.write(f"weir: {screen}: {lost}\n")
    if as_json:
        figures = {"figures": heads_of(source.card(), loaded)}
        told = certificates_json(loaded) | figures
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    typer.echo(f"screen {loaded.version}, {quantity(len(loaded.policy_ids), 'head', 'heads')}")
    print_certificates(loaded, source.card())


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


def heads_of(card: str, screen: Screen) -> dict[str, _Figures]:
    """Return what a card says of the heads of a screen, by policy: of both stages, or of the first.

    A card that says nothing of a head, or is none, gives nothing.
    """
    stage = "both_stages" if isinstance(screen, ReadingScreen) else "first_stage"
    try:
        heads = json.loads(card).get("heads", [])
        return {
            head["policy_id"]: {
                **{key: head[key] for key in ("measured_on", "measured_prevalence")},
                **{key: value for key, value in head[stage].items() if key != "certificate"},
            }
            for head in heads
            if head.get("policy_id") in screen.policy_ids and head.get(stage)
        }
    except (ValueError, AttributeError, KeyError, TypeError):
        return {}


def print_certificates(screen: Screen, card: str = "{}") -> None:
    """Print a table of what each head promises, and one of what a share of a stream buys."""
    heads = heads_of(card, screen)
    if screen.certificates or not screen.selectivity:
        _print_promises(screen, heads)
    if measured := [head for head in screen.selectivity if head.recall is not None]:
        print_table(
            "what a share of ordinary posts finds",
            ["policy", *(f"{share:.0%}" for share in _SHOWN)],
            [[head.policy_id, *map(_percent, head.found(_SHOWN))] for head in measured],
        )
        _say("Measured on public sets that taught a head nothing. A promise needs your own labels.")
    certified = [each for each in screen.certificates if each.certified]
    for name in sorted({each.calibration_set for each in certified}):
        promised = [each.policy_id for each in certified if each.calibration_set == name]
        _say(f"{', '.join(promised)}: on posts that come as those of {name} did, and on no others.")
    if len(certified) < len(screen.certificates):
        _say("Of violating posts that are near-duplicates one counts.")
    for precise in screen.provisional:
        _say(f"provisional flags of {precise}")


def _print_promises(screen: Screen, heads: Mapping[str, _Figures]) -> None:
    rows = [[p, *_promise(screen, p), *_costs(heads.get(p, {}))] for p in screen.policy_ids]
    columns = ["policy", "promise", "may miss", "safe", "ordinary"]
    title = "what the screen promises, and escalates of safe and of ordinary posts for it"
    print_table(title, columns, rows)
    stages = "both stages" if isinstance(screen, ReadingScreen) else "linear heads alone"
    _say(f"Of {stages}, each post scored by heads that had not seen it.")
    for policy_id, head in heads.items():
        if (share := head["measured_prevalence"]) is not None:
            _say(f"{policy_id}: measured on {head['measured_on']}, of which {share:.1%} violate.")


def _promise(screen: Screen, policy_id: str) -> Sequence[str]:
    certificate = screen.certificate(policy_id)
    if certificate is None:
        return "none: never calibrated", ""
    if not certificate.certified:
        needed = certificate.labels_needed
        return f"none: {certificate.positives} that violate count, label {needed} more", ""
    return (
        f"recall {certificate.recall:g}, confidence {certificate.confidence:g}",
        f"{certificate.misses_allowed} of {certificate.positives}",
    )


def _costs(head: _Figures) -> Sequence[str]:
    return [
        "unknown" if head.get(key) is None else f"{head[key]:.1%}"
        for key in ("safe_escalated", "ordinary_escalated")
    ]


def _percent(share: float) -> str:
    return f"{share:.0%}"


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False)

"""A screen with heads that were fitted as the job started, as a step carries it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from weir.transforms.screen.archive import ScreenError
from weir.transforms.screen.cold.extra_heads import (
    ExtraHead,
    RerankingScreen,
    from_bytes,
    to_bytes,
    with_heads,
)
from weir.transforms.screen.cold.fit import ColdReport
from weir.transforms.screen.model import Screen, ScreenSource
from weir.transforms.screen.second_stage.encoder import Encoder
from weir.transforms.screen.second_stage.screen import ReadingScreen, ReadingSource


@dataclass(frozen=True)
class ColdScreenSource(ScreenSource):
    """Where workers find the trained screen, and the heads to add to it: 100 to 200 kB each.

    ``version`` is that of the whole, which is what stands on records.
    """

    base_version: str
    additions: bytes  # see extra_heads.to_bytes
    reports: str  # what the card says of the added heads, as a JSON list
    reads: bool = False  # whether the trained screen has its second stage

    @classmethod
    def extend(
        cls, base: ScreenSource, heads: Sequence[ExtraHead], reports: Sequence[ColdReport]
    ) -> "ColdScreenSource":
        """Return the source of a screen with heads beside its own."""
        additions = to_bytes(heads)
        told = json.dumps([report.to_json() for report in reports], ensure_ascii=False)
        version = _with_additions(base.screen(), additions).version
        reads = isinstance(base, ReadingSource)
        return cls(base.path, version, base.version, additions, told, reads)

    @property
    def base(self) -> ScreenSource:
        """Return the source of the trained screen alone."""
        kind = ReadingSource if self.reads else ScreenSource
        return kind(self.path, self.base_version)

    def screen(self) -> Screen:
        """Return the screen, made once a process; ScreenError where it would be another."""
        return _loaded(self)

    def renew(self) -> ScreenSource:
        """Return the screen that is there now, with the added heads that it has none for itself."""
        base = self.base.renew()
        trained = set(base.screen().policy_ids)
        heads = [h for h in from_bytes(self.additions) if h.policy_id not in trained]
        if not heads:
            return base
        additions = to_bytes(heads)
        version = _with_additions(base.screen(), additions).version
        told = [r for r in json.loads(self.reports) if r["policy_id"] not in trained]
        reports = json.dumps(told, ensure_ascii=False)
        return ColdScreenSource(self.path, version, base.version, additions, reports, self.reads)

    def card(self) -> str:
        """Return the card of the trained screen with the added heads on it, as JSON text."""
        return json.dumps(extended_card(self.base.card(), self.version, json.loads(self.reports)))


def extended_card(card: str, version: str, reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a screen's card with another version, and these heads on it or in others' place."""
    try:
        known = json.loads(card)
    except ValueError:
        known = {}
    fields: dict[str, Any] = known if isinstance(known, dict) else {}
    names = {report["policy_id"] for report in reports}
    trained = [head for head in fields.get("heads", []) if head.get("policy_id") not in names]
    return fields | {"screen_version": version, "heads": [*trained, *reports]}


@lru_cache(maxsize=4)
def _loaded(source: ColdScreenSource) -> Screen:
    screen = _with_additions(source.base.screen(), source.additions)
    if screen.version != source.version:
        raise ScreenError(
            f"With the added heads the screen {source.path} has version {screen.version}, and this "
            f"run began with {source.version}; give every worker the same release of Weir and of "
            "the sentence encoder."
        )
    return screen


@lru_cache(maxsize=4)
def _with_additions(base: Screen, additions: bytes) -> Screen:
    heads = from_bytes(additions)
    screen = with_heads(base, heads)
    added = {head.policy_id for head in heads}
    if isinstance(base, ReadingScreen) and not set(base.reader.policy_ids) <= added:
        screen = ReadingScreen.over(screen, base.reader.without(added), base.encoder)
    wanted = {head.reranking.encoder_version for head in heads if head.reranking}
    if not wanted:
        return screen
    encoder = Encoder.load()
    if wanted != {encoder.version}:
        raise ScreenError(
            f"The sentence encoder here is {encoder.version}, and the run began with "
            f"{', '.join(sorted(wanted))}; install the same one."
        )
    return RerankingScreen.over(screen, heads, encoder)

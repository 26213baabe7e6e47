"""A screen of two stages, and how it reaches the workers."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from weir.distribution import install_encoder_command
from weir.policies import storage
from weir.transforms.arrays import Floats
from weir.transforms.screen.archive import ScreenError
from weir.transforms.screen.certificate import Certificate, open_gates
from weir.transforms.screen.model import Screen, ScreenSource, file_of, open_thresholds
from weir.transforms.screen.precision import PrecisionCertificate
from weir.transforms.screen.second_stage.encoder import MODULES, Encoder
from weir.transforms.screen.second_stage.scorer import (
    READ_FROM,
    READER_FILE,
    Reader,
    Stages,
    first_stage_digest,
)

TAUGHT_FROM = "taught_from"  # on the card: the version of the screen that its teaching began with
_Promise = TypeVar("_Promise", Certificate, PrecisionCertificate)


@dataclass(frozen=True, eq=False)
class ReadingScreen(Screen):
    """A screen whose second stage reads with the sentence encoder what the first does not clear.

    Heads that the second stage does not know keep the scores of the first.
    """

    reader: Reader
    encoder: Encoder
    columns: npt.NDArray[np.intp]  # of the reader's heads among the screen's

    @classmethod
    def over(cls, screen: Screen, reader: Reader, encoder: Encoder) -> "ReadingScreen":
        """Return both stages with a version of their own; ScreenError where they do not fit.

        What is promised of the first stage's scores says nothing of these: the reader's promises
        take their place.
        """
        if not set(reader.policy_ids) <= set(screen.policy_ids):
            raise ScreenError(
                "The second stage has heads that the screen beside it has not; train both again, "
                "or run without it: --reading=off."
            )
        if reader.encoder_version != encoder.version:
            raise ScreenError(
                f"The second stage was fitted to the sentence encoder {reader.encoder_version}, "
                f"and {encoder.version} is installed. {install_encoder_command(again=True)} adds "
                "that of the starter; or train the screen again, or run without the second stage: "
                "--reading=off."
            )
        columns = np.array([screen.policy_ids.index(p) for p in reader.policy_ids], np.intp)
        thresholds = screen.thresholds.copy()
        thresholds[columns] = reader.thresholds
        both = f"{screen.version}:{reader.version}:{encoder.version}"
        changed: dict[str, Any] = {
            "version": hashlib.sha256(both.encode()).hexdigest()[:16],
            "thresholds": thresholds,
            "certificates": (*_of_others(screen.certificates, reader), *reader.certificates),
            "provisional": (*_of_others(screen.provisional, reader), *reader.provisional),
        }
        measured = dict(zip(reader.policy_ids, reader.recall, strict=True))
        changed["selectivity"] = tuple(
            replace(each, recall=_curve(measured[each.policy_id]))
            if each.policy_id in measured
            else each
            for each in screen.selectivity
        )
        own = {field.name: getattr(screen, field.name) for field in fields(Screen)}
        return cls(**own | changed, reader=reader, encoder=encoder, columns=columns)

    def save(self, path: str | Path, card: Mapping[str, Any]) -> None:
        """Write both stages and their card into a folder; equal screens, equal bytes."""
        self.reader.save(path)
        super().save(path, card)

    def with_thresholds(self, *_: Any, **__: Any) -> Screen:
        """Raise TypeError: thresholds of a first stage alone are another screen's."""
        raise TypeError("The thresholds of both stages are the reader's: Reader.with_thresholds")

    def with_selectivity(self, *_: Any, **__: Any) -> Screen:
        """Raise TypeError: what a first stage alone selects is another screen's."""
        raise TypeError("What both stages select is the reader's: Reader.with_recall")

    def opened(self, policy_ids: Collection[str]) -> Screen:
        """Return the same heads, of which certified ones of these clear nothing, in no stage."""
        own = self.reader
        reader = own.with_thresholds(
            open_thresholds(own.policy_ids, own.thresholds, policy_ids),
            open_gates(own.certificates, policy_ids),
            [each for each in own.provisional if each.policy_id not in policy_ids],
        )
        return ReadingScreen.over(self.first().opened(policy_ids), reader, self.encoder)

    def first(self) -> Screen:
        """Return the first stage alone."""
        return Screen.parse(self.file)

    def rescore(self, scores: Floats, texts: pa.StringArray) -> Floats:
        """Return the final scores."""
        first = scores[:, self.columns]
        scores[:, self.columns] = self.reader.final_scores(first, texts, self.encoder)
        return scores

    def stages(self, scores: Floats) -> Stages:
        """Return which stage gave each score: 2 where the post was read, else 1."""
        found = super().stages(scores)
        found[:, self.columns] += scores[:, self.columns] >= READ_FROM
        return found


def reading_heads(screen: Screen) -> tuple[str, ...]:
    """Return the policies that have a head in the second stage of a screen."""
    return screen.reader.policy_ids if isinstance(screen, ReadingScreen) else ()


@dataclass(frozen=True)
class ReadingSource(ScreenSource):
    """Where workers find both stages; ``version`` is that of the two together."""

    @classmethod
    def of(cls, path: str | Path) -> "ReadingSource":
        """Return the source of what is at ``path`` now; ScreenError where it is unsound."""
        return cls(str(path), _both(path).version)

    def screen(self) -> Screen:
        """Return both stages, loaded once a process; ScreenError where they are others by now."""
        return _loaded(self)

    def renew(self) -> "ReadingSource":
        """Return the source of what is there now; ScreenError if it is unsound."""
        return ReadingSource.of(self.path)

    def stamp(self) -> object:
        """Return what changes when either stage does; OSError."""
        return [super().stamp(), storage.stamps(*_folder(self.path))]

    def card(self) -> str:
        """Return the screen's card with the version of the two stages, and what these promise."""
        told = with_promises(fields_of(super().card()), self.screen())
        return json.dumps(told, ensure_ascii=False)


def fields_of(card: str) -> dict[str, Any]:
    """Return what a card says; nothing where it is none."""
    try:
        fields = json.loads(card)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def with_promises(card: Mapping[str, Any], screen: Screen) -> dict[str, Any]:
    """Return a card with a screen's version, and what this screen promises of its heads."""
    promised = {each.policy_id: asdict(each) for each in screen.certificates}
    heads = [
        {key: value for key, value in head.items() if key != "certificate"}
        | ({"certificate": promised[name]} if (name := head.get("policy_id")) in promised else {})
        for head in card.get("heads", [])
    ]
    return dict(card) | {"screen_version": screen.version, "heads": heads}


def _of_others(promises: Iterable[_Promise], reader: Reader) -> Iterator[_Promise]:
    return (each for each in promises if each.policy_id not in reader.policy_ids)


def _curve(recall: Floats) -> tuple[float, ...] | None:
    return None if np.isnan(recall).any() else tuple(recall.tolist())


def has_reader(path: str | Path) -> bool:
    """Return whether a screen has a second stage beside it; OSError where nobody can say."""
    return bool(storage.stamps(*_folder(path)))


def encoder_missing() -> str | None:
    """Return which module of the second stage is not installed, None where all are."""
    return next((module for module in MODULES if find_spec(module) is None), None)


def _folder(path: str | Path) -> tuple[str, str]:
    folder, _, name = file_of(path, READER_FILE).rpartition("/")
    return folder, name


def _both(path: str | Path) -> ReadingScreen:
    screen, reader = Screen.load(path), Reader.load(path)
    if reader.first != first_stage_digest(screen):
        raise ScreenError(
            f"The second stage in {path} was fitted to another screen than the one beside it; "
            "remove it, train both again, or run without it: --reading=off."
        )
    both = ReadingScreen.over(screen, reader, Encoder.load())
    told = fields_of(ScreenSource(str(path), screen.version).card())
    # What is taught keeps its first stage: a reader of another version beside it would fit it.
    if TAUGHT_FROM in told and told.get("screen_version") != both.version:
        raise ScreenError(
            f"The files of the screen in {path} are of two versions, as where teaching it ended "
            "between them. The job that it is taught for and `weir screen teach` make it whole."
        )
    return both


@lru_cache(maxsize=2)
def _loaded(source: ReadingSource) -> ReadingScreen:
    screen = _both(source.path)
    if screen.version != source.version:
        raise ScreenError(
            f"The screen {source.path} with its second stage is now version {screen.version}, and "
            f"this run began with {source.version}; put that one back, or start the run again."
        )
    return screen

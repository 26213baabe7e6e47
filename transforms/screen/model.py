"""The screen's artefact: one linear head per policy over the same hashed features.

A folder with ``screen.npz``, all that scoring needs, and ``card.json``, what a person should know.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import expit, logit

from weir.policies import storage
from weir.transforms.arrays import Floats
from weir.transforms.screen import precision, selectivity
from weir.transforms.screen.archive import (
    FORMAT,
    ScreenError,
    archive,
    check_format,
    json_of,
    read_archive,
    unpacked,
)
from weir.transforms.screen.certificate import Certificate, from_bytes, open_gates, to_bytes
from weir.transforms.screen.precision import PrecisionCertificate
from weir.transforms.screen.promises import are_of_heads, problem_of_heads, problem_of_promises
from weir.transforms.screen.selectivity import Selectivity
from weir.transforms.text import features
from weir.transforms.text.languages import Groups

MODEL_FILE = "screen.npz"
CARD_FILE = "card.json"
_MOST_FILE = 256 << 20
MOST_CARD = 4 << 20
_MOST_BIAS = 30.0  # beyond it a score is 0 or 1 whatever the post: fitted ones stay below 10
STARTER = "starter"  # the screen that ships with Weir, wherever a worker has it installed

_CERTAIN = 1e-12  # a score closer to 0 or 1 says no more

Weights = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Screen:
    """Linear heads that score text. Build one with ``Screen.load`` or ``Screen.of``.

    ``weights`` is (BUCKETS, heads), ``scale`` (BUCKETS,) the squared inverse document frequencies
    of the norm, ``thresholds`` the scores in [0, 1] from which on a post has to be judged.
    ``certificates`` say what the thresholds promise: at most one a head, none for a head that was
    never calibrated. ``provisional`` holds the scores from which on a flag may go before a verdict.
    """

    policy_ids: tuple[str, ...]
    weights: Weights
    scale: Weights
    bias: Floats
    thresholds: Floats
    certificates: tuple[Certificate, ...]
    provisional: tuple[PrecisionCertificate, ...]  # at most one a head
    selectivity: tuple[Selectivity, ...]  # at most one a head
    version: str  # 16 hex digits of the SHA-256 of `file`
    file: bytes  # the bytes of screen.npz

    @classmethod
    def load(cls, path: str | Path) -> "Screen":
        """Return the screen in a folder, or under any prefix that Beam's filesystems read.

        ScreenError where there is no sound one.
        """
        file = file_of(path, MODEL_FILE)
        way_out = "give a folder that `weir screen train` wrote"
        content = read_archive(file, _MOST_FILE, "screen", way_out)
        return cls.parse(content, file)

    @classmethod
    def parse(cls, content: bytes, name: str = MODEL_FILE) -> "Screen":
        """Return the screen in the bytes of a ``screen.npz``; ScreenError if they are unsound."""
        with unpacked(content, "screen", name) as arrays:
            check_format(arrays, name)
            screen = cls(
                policy_ids=tuple(arrays["policy_ids"].tolist()),
                weights=np.ascontiguousarray(arrays["weights"].T, np.float32),
                scale=arrays["scale"].astype(np.float32),
                bias=arrays["bias"].astype(np.float64),
                thresholds=arrays["thresholds"].astype(np.float64),
                certificates=from_bytes(arrays["certificates"].tobytes()),
                provisional=precision.from_bytes(json_of(arrays, "precision")),
                selectivity=selectivity.from_bytes(json_of(arrays, "selectivity")),
                version=hashlib.sha256(content).hexdigest()[:16],
                file=content,
            )
        if problem := screen._problem():
            raise ScreenError(f"The screen {name} {problem}; restore or train it again.")
        return screen

    @classmethod
    def of(
        cls,
        policy_ids: tuple[str, ...],
        weights: Weights,
        scale: Weights,
        bias: Floats,
        thresholds: Floats,
        certificates: Sequence[Certificate] = (),
        provisional: Sequence[PrecisionCertificate] = (),
        selectivity_of: Sequence[Selectivity] = (),
    ) -> "Screen":
        """Return the screen as it will be once saved and loaded: weights have half precision."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "format": np.array(FORMAT),
            "features": np.array(features.VERSION),
            "policy_ids": np.array(policy_ids, np.str_),
            "weights": np.ascontiguousarray(weights.T, np.float16),  # by head: it compresses better
            "scale": scale.astype(np.float16),
            "bias": bias.astype(np.float64),
            "thresholds": thresholds.astype(np.float64),
            "certificates": np.frombuffer(to_bytes(certificates), np.uint8),
        }
        if provisional:  # a screen without them has the bytes that it always had
            arrays["precision"] = np.frombuffer(precision.to_bytes(provisional), np.uint8)
        if selectivity_of:
            arrays["selectivity"] = np.frombuffer(selectivity.to_bytes(selectivity_of), np.uint8)
        return cls.parse(archive(arrays))

    @classmethod
    def scoring(
        cls, policy_ids: tuple[str, ...], weights: Weights, scale: Weights, bias: Floats
    ) -> "Screen":
        """Return heads that score as those of ``of`` do, without a file to store: that takes long.

        They have no version, and their thresholds clear nothing.
        """
        halves = weights.astype(np.float16).astype(np.float32)
        squares = scale.astype(np.float16).astype(np.float32)
        none = np.zeros(len(policy_ids))
        return cls(policy_ids, halves, squares, bias, none, (), (), (), version="", file=b"")

    def save(self, path: str | Path, card: Mapping[str, Any]) -> None:
        """Write the screen and its card into a folder; equal screens, equal bytes."""
        text = json.dumps(card, indent=2, ensure_ascii=False)
        storage.write(file_of(path, CARD_FILE), f"{text}\n".encode())
        storage.write(file_of(path, MODEL_FILE), self.file)

    def with_thresholds(
        self,
        thresholds: Floats,
        certificates: Sequence[Certificate] = (),
        provisional: Sequence[PrecisionCertificate] = (),
    ) -> "Screen":
        """Return the same heads with other thresholds, and so with another version.

        A certificate holds for its own threshold only, so the old ones are gone.
        """
        return Screen.of(
            self.policy_ids,
            self.weights,
            self.scale,
            self.bias,
            thresholds,
            certificates,
            provisional,
            self.selectivity,
        )

    def with_selectivity(self, of_heads: Sequence[Selectivity]) -> "Screen":
        """Return the same screen, which says this of how its heads select."""
        return Screen.of(
            self.policy_ids,
            self.weights,
            self.scale,
            self.bias,
            self.thresholds,
            self.certificates,
            self.provisional,
            of_heads,
        )

    def opened(self, policy_ids: Collection[str]) -> "Screen":
        """Return the same heads, of which certified ones of these policies clear nothing."""
        return self.with_thresholds(
            open_thresholds(self.policy_ids, self.thresholds, policy_ids),
            open_gates(self.certificates, policy_ids),
            [each for each in self.provisional if each.policy_id not in policy_ids],
        )

    def certificate(self, policy_id: str) -> Certificate | None:
        """Return what is promised of a policy's head, None where nobody calibrated it."""
        return next((each for each in self.certificates if each.policy_id == policy_id), None)

    def gone_heads(self, policy_ids: Collection[str]) -> str | None:
        """Return a sentence on the heads of policies that are not there, None where all are.

        Such a head is scored for nothing, and nothing else.
        """
        gone = [policy_id for policy_id in self.policy_ids if policy_id not in policy_ids]
        if not gone:
            return None
        return (
            f"{len(gone)} of the screen's heads are for policies that are not there "
            f"({', '.join(gone)}); they are ignored."
        )

    def score(self, texts: pa.StringArray) -> Floats:
        """Return (rows, heads) scores in [0, 1]: the same for a row alone and in any batch."""
        return scores_of([self], texts)[0]

    def rescore(self, scores: Floats, texts: pa.StringArray) -> Floats:  # noqa: ARG002 - for others
        """Return the heads' scores; a screen that reads some of the texts again changes them."""
        return scores

    def stages(self, scores: Floats) -> npt.NDArray[np.int8]:
        """Return which stage gave each score; here there is but the first."""
        return np.ones(scores.shape, np.int8)

    def _problem(self) -> str | None:
        """Return what is wrong with the arrays, or None."""
        weights = (self.weights, self.scale, self.bias, self.thresholds)
        if problem := problem_of_heads(self.policy_ids, weights):
            return problem
        if (np.abs(self.bias) > _MOST_BIAS).any():
            return f"has a bias beyond {_MOST_BIAS:g}, so that no post makes a difference"
        if (self.scale < 0).any() or (self.thresholds < 0).any() or (self.thresholds > 1).any():
            return "has a threshold outside [0, 1] or a negative scale"
        if unreachable := self._unreachable():
            return f"has a certified head that lets no post through ({unreachable})"
        if not are_of_heads(self.selectivity, self.policy_ids):
            return "says how a head selects that it does not have"
        return problem_of_promises(
            self.policy_ids, self.thresholds, self.certificates, self.provisional
        )

    def _unreachable(self) -> str | None:
        """Return a certified head whose threshold is above all scores that it can give.

        By the inequality of Cauchy and Schwarz, no sum of weighted counts is above the root of
        the sum of (weight squared / scale) times the norm that it is divided by.
        """
        for column, policy_id in enumerate(self.policy_ids):
            if self.certificate(policy_id) is None:
                continue
            raising = np.maximum(self.weights[:, column], 0).astype(np.float64)
            used = raising > 0
            highest = np.sqrt((raising[used] ** 2 / np.maximum(self.scale[used], 1e-12)).sum())
            if expit(highest + self.bias[column]) < self.thresholds[column]:
                return policy_id
        return None


@dataclass(frozen=True, eq=False)
class Scored:
    """What screens make of posts: the (rows, heads) scores of each, and what the text itself says.

    ``empty`` (rows,) has nothing to read; ``languages`` (rows,) are codes of languages.GROUPS.
    """

    scores: list[Floats]
    empty: npt.NDArray[np.bool_]
    languages: Groups


def scores_of(screens: Sequence[Screen], texts: pa.StringArray) -> list[Floats]:
    """Return the (rows, heads) scores of every screen, as ``Screen.score`` gives them."""
    return score_all(screens, texts).scores


def score_all(screens: Sequence[Screen], texts: pa.StringArray) -> Scored:
    """Return what every screen makes of posts. The features, most of the cost, are taken once.

    A long post has the highest score of itself and its windows, so that none hides in filler.
    """
    empty, languages = np.ones(len(texts), bool), np.zeros(len(texts), np.uint8)
    scores = [np.zeros((len(texts), len(screen.policy_ids))) for screen in screens]
    for piece in features.pieces(texts, windows=True):
        counts, rows = piece.counts, piece.rows
        empty[rows] &= piece.empty
        languages[rows] = piece.languages
        # Sparse products add up each row by itself, in the order of the buckets.
        linear = [counts @ screen.weights.take(piece.buckets, axis=0) for screen in screens]
        np.square(counts.data, out=counts.data)
        for screen, found, out in zip(screens, linear, scores, strict=True):
            norm = np.sqrt((counts @ screen.scale.take(piece.buckets)).astype(np.float64))
            scaled = found / np.maximum(norm, 1e-6)[:, None]
            highest = piece.of_rows(expit(scaled + screen.bias))
            np.maximum(out[rows], highest, out=out[rows])
    found = zip(screens, scores, strict=True)
    rescored = [_rescored(screen, first, texts, empty) for screen, first in found]
    return Scored(rescored, empty, languages)


def _rescored(
    screen: Screen, first: Floats, texts: pa.StringArray, empty: npt.NDArray[np.bool_]
) -> Floats:
    """Return a screen's final scores; what has nothing to read gets 0, and is not read again."""
    if not empty.any():
        return screen.rescore(first, texts)
    readable = np.flatnonzero(~empty)
    column: Any = texts
    final = np.zeros(first.shape)
    final[readable] = screen.rescore(first[readable], column.take(pa.array(readable)))
    return final


def open_thresholds(
    policy_ids: Sequence[str], thresholds: Floats, opened: Collection[str]
) -> Floats:
    """Return (heads,) thresholds, 0 for the heads of the policies that are to be open."""
    return np.where([policy_id in opened for policy_id in policy_ids], 0.0, thresholds)


def log_odds(scores: Floats) -> Floats:
    """Return the log-odds of scores in [0, 1]: what they were before the logistic function."""
    return np.asarray(logit(np.clip(scores, _CERTAIN, 1 - _CERTAIN)), np.float64)


@dataclass(frozen=True)
class ScreenSource:
    """Where workers find a screen, and which version of it they must find there.

    A step carries this and not the screen: Beam compresses and unpacks what a step carries once a
    bundle and more, which for megabytes of weights costs seconds.
    """

    path: str
    version: str

    @classmethod
    def of(cls, path: str | Path) -> "ScreenSource":
        """Return the source of the screen that is at ``path`` now; ScreenError if it is unsound."""
        return cls(str(path), Screen.load(path).version)

    def screen(self) -> Screen:
        """Return the screen, loaded once a process; ScreenError where it is another by now."""
        return _loaded(self)

    def renew(self) -> "ScreenSource":
        """Return the source of what is there now; ScreenError if it is unsound."""
        return ScreenSource.of(self.path)

    def stamp(self) -> object:
        """Return what changes when the artefact does, without reading it; OSError."""
        folder = str(Path(file_of(self.path, MODEL_FILE)).parent)
        folder = self.path.rstrip("/") if storage.is_remote(self.path) else folder
        return [storage.stamps(folder, name) for name in (MODEL_FILE, CARD_FILE)]

    def card(self) -> str:
        """Return the card beside the screen, as JSON text; an empty object where there is none."""
        try:
            return storage.read(file_of(self.path, CARD_FILE), MOST_CARD).decode("utf-8")
        except (OSError, UnicodeDecodeError):
            return "{}"


@lru_cache(maxsize=4)
def _loaded(source: ScreenSource) -> Screen:
    screen = Screen.load(source.path)
    if screen.version != source.version:
        raise ScreenError(
            f"The screen {source.path} is now version {screen.version}, and this run began with "
            f"{source.version}; put that one back, or start the run again."
        )
    return screen


def file_of(path: str | Path, name: str) -> str:
    """Return where a file of the screen at ``path`` is."""
    folder = str(Path(__file__).parent / STARTER) if str(path) == STARTER else str(path)
    return f"{folder.rstrip('/')}/{name}"

"""Score once more, by what a sentence encoder reads, the posts that linear heads cannot clear.

Nothing of the encoder is stored but its version: ``reading.npz`` has a vector for each head.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import expit

from weir.policies import storage
from weir.transforms.arrays import Floats
from weir.transforms.screen import certificate, precision
from weir.transforms.screen.archive import (
    ScreenError,
    archive,
    json_of,
    read_archive,
    unpacked,
)
from weir.transforms.screen.certificate import Certificate
from weir.transforms.screen.model import Screen, file_of, log_odds
from weir.transforms.screen.precision import PrecisionCertificate
from weir.transforms.screen.promises import problem_of_heads, problem_of_promises
from weir.transforms.screen.second_stage.encoder import (
    CHARACTERS,
    PART,
    Encoder,
    Vectors,
    add_highest,
    split_layers,
)
from weir.transforms.screen.selectivity import SHARES
from weir.transforms.text.normalise import normalise

FORMAT = 3
READER_FILE = "reading.npz"
_MOST_FILE = 4 << 20
_MOST_HEADS = 256
# Arrays with a row for each head.
_OF_HEADS = ("vectors", "slopes", "offsets", "presumed", "gates", "thresholds", "recall")
READ_FROM = 0.5  # final scores of posts that were read are above it, those of others below

Stages = npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Reader:
    """What the second stage makes of a post, for each head of a screen.

    A post is read where any head's first score reaches its gate. Its final score for a head is
    then READ_FROM + expit(m + slopes * logit(first) + offsets) / 2, with m the sum over layers of
    the highest of vectors . embedding over the post's parts, and half of the first score where it
    was not read.
    """

    policy_ids: tuple[str, ...]
    vectors: Vectors  # (heads, PART)
    slopes: Floats  # (heads,)
    offsets: Floats  # (heads,)
    presumed: Floats  # (heads,), the least second score of a post too long to be read to its end
    gates: Floats  # (heads,), first scores in [0, 1]
    thresholds: Floats  # (heads,), final scores from which on a post has to be judged
    recall: Floats  # (heads, len(SHARES)) of both stages, see Selectivity; NaN: nobody measured it
    certificates: tuple[Certificate, ...]  # of both stages, as a Screen has them of the first
    provisional: tuple[PrecisionCertificate, ...]
    first: str  # `first_stage_digest` of the screen that it was fitted to
    encoder_version: str
    version: str  # 16 hex digits of the SHA-256 of `file`
    file: bytes

    @classmethod
    def load(cls, path: str | Path) -> "Reader":
        """Return the reader beside a screen; ScreenError where there is no sound one."""
        name = file_of(path, READER_FILE)
        way_out = "restore it, or run without it: --reading=off"
        content = read_archive(name, _MOST_FILE, "second stage", way_out)
        return cls.parse(content, name)

    @classmethod
    def parse(cls, content: bytes, name: str = READER_FILE) -> "Reader":
        """Return the reader in the bytes of a ``reading.npz``; ScreenError if they are unsound."""
        with unpacked(content, "second stage", name) as arrays:
            _check_arrays(arrays, name)
            reader = cls(
                policy_ids=tuple(arrays["policy_ids"].tolist()),
                vectors=arrays["vectors"].astype(np.float32),
                slopes=arrays["slopes"].astype(np.float64),
                offsets=arrays["offsets"].astype(np.float64),
                presumed=arrays["presumed"].astype(np.float64),
                gates=arrays["gates"].astype(np.float64),
                thresholds=arrays["thresholds"].astype(np.float64),
                recall=arrays["recall"].astype(np.float64),
                certificates=certificate.from_bytes(json_of(arrays, "certificates")),
                provisional=precision.from_bytes(json_of(arrays, "precision")),
                first=str(arrays["first"]),
                encoder_version=str(arrays["encoder_version"]),
                version=hashlib.sha256(content).hexdigest()[:16],
                file=content,
            )
        if problem := reader._problem():
            raise ScreenError(f"The second stage {name} {problem}; restore or train it again.")
        return reader

    @classmethod
    def of(
        cls,
        policy_ids: Sequence[str],
        vectors: Vectors,
        slopes: Floats,
        offsets: Floats,
        presumed: Floats,
        gates: Floats,
        thresholds: Floats,
        recall: Floats,
        first: str,
        encoder_version: str,
        certificates: Sequence[Certificate] = (),
        provisional: Sequence[PrecisionCertificate] = (),
    ) -> "Reader":
        """Return the reader as it will be once saved and loaded: vectors have half precision."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "format": np.array(FORMAT),
            "policy_ids": np.array(policy_ids, np.str_),
            "vectors": vectors.astype(np.float16),
            "slopes": slopes.astype(np.float64),
            "offsets": offsets.astype(np.float64),
            "presumed": presumed.astype(np.float64),
            "gates": gates.astype(np.float64),
            "thresholds": thresholds.astype(np.float64),
            "recall": recall.astype(np.float64),
            "first": np.array(first, np.str_),
            "encoder_version": np.array(encoder_version, np.str_),
        }
        if certificates:  # a reader without them has the bytes that it always had
            arrays["certificates"] = np.frombuffer(certificate.to_bytes(certificates), np.uint8)
        if provisional:
            arrays["precision"] = np.frombuffer(precision.to_bytes(provisional), np.uint8)
        return cls.parse(archive(arrays))

    def save(self, path: str | Path) -> None:
        """Write the reader into the folder of its screen."""
        storage.write(file_of(path, READER_FILE), self.file)

    def final_scores(self, first: Floats, texts: pa.StringArray, encoder: Encoder) -> Floats:
        """Return the (rows, heads) scores of both stages from those of the first.

        Which stage decided is in the score: from READ_FROM on it is the second. The scores are the
        same for a row alone and in any batch.
        """
        read = np.flatnonzero(self.reads(first))
        scores = first / 2
        if len(read):
            column: Any = texts
            chosen: Any = normalise(column.take(pa.array(read))).dictionary_encode()
            distinct, rows = chosen.dictionary.to_pylist(), chosen.indices.to_numpy()
            meanings = self.meanings(*encoder.embed_whole(distinct))  # equal posts are read once
            beyond = np.array([len(text) > CHARACTERS for text in distinct], bool)
            scores[read] = self.finished(first[read], meanings[rows], beyond[rows])
        return scores

    def finished(self, first: Floats, meanings: Floats, beyond: npt.NDArray[np.bool_]) -> Floats:
        """Return (rows, heads) final scores of posts whose second scores are known.

        They count for posts that a gate lets through; ``beyond`` (rows,) are longer than what is
        read of a post.
        """
        presumed = np.where(beyond[:, None], np.maximum(meanings, self.presumed), meanings)
        read = self.reads(first)[:, None]
        return np.where(read, self.combine(first, presumed), first / 2)

    def reads(self, first: Floats) -> npt.NDArray[np.bool_]:
        """Return which posts are read, from the (rows, heads) scores of the first stage."""
        return np.asarray((first >= self.gates).any(axis=1))

    def meanings(self, vectors: Vectors, begins: npt.NDArray[np.intp]) -> Floats:
        """Return (rows, heads) second scores, of what `Encoder.embed_whole` makes of posts."""
        # One by one: a product over many rows adds up in another order than over one.
        of_layers = [
            np.array([own @ part for part in parts], np.float64)
            for own, parts in zip(split_layers(self.vectors), split_layers(vectors), strict=True)
        ]
        return add_highest(of_layers, begins)

    def combine(self, first: Floats, meanings: Floats) -> Floats:
        """Return (rows, heads) final scores of posts that were read."""
        hashed = log_odds(first)
        return np.asarray(
            READ_FROM + expit(meanings + self.slopes * hashed + self.offsets) / 2, np.float64
        )

    def without(self, policy_ids: Collection[str]) -> "Reader":
        """Return the reader of the other heads alone."""
        kept = [row for row, policy_id in enumerate(self.policy_ids) if policy_id not in policy_ids]
        return self._with(
            policy_ids=[self.policy_ids[row] for row in kept],
            certificates=[c for c in self.certificates if c.policy_id not in policy_ids],
            provisional=[c for c in self.provisional if c.policy_id not in policy_ids],
            **{name: getattr(self, name)[kept] for name in _OF_HEADS},
        )

    def with_recall(self, recall: Floats) -> "Reader":
        """Return the same reader, of which (heads, len(SHARES)) recalls were measured."""
        return self._with(recall=recall)

    def with_thresholds(
        self,
        thresholds: Floats,
        certificates: Sequence[Certificate],
        provisional: Sequence[PrecisionCertificate],
    ) -> "Reader":
        """Return the same reader with other thresholds and what is promised of them."""
        return self._with(thresholds=thresholds, certificates=certificates, provisional=provisional)

    def _with(self, **changed: Any) -> "Reader":
        own = {name: getattr(self, name) for name in signature(Reader.of).parameters}
        return Reader.of(**own | changed)

    def _weights(self) -> tuple[npt.NDArray[Any], ...]:
        return self.vectors, self.slopes, self.offsets, self.presumed

    def _problem(self) -> str | None:
        """Return what is wrong with the arrays, or None."""
        if problem := problem_of_heads(self.policy_ids, self._weights()):
            return problem
        shares = np.concatenate([self.gates, self.thresholds])
        if not ((shares >= 0) & (shares <= 1)).all() or not (self.slopes >= 0).all():
            return "has a gate or a threshold outside [0, 1], or a negative slope"
        if not (np.isnan(self.recall) | ((self.recall >= 0) & (self.recall <= 1))).all():
            return "has a recall outside [0, 1]"
        return problem_of_promises(
            self.policy_ids, self.thresholds, self.certificates, self.provisional
        )


def first_stage_digest(screen: Screen) -> str:
    """Return 16 hex digits that stand for the scores of linear heads, whatever their thresholds."""
    digest = hashlib.sha256("\n".join(screen.policy_ids).encode())
    for array in (screen.weights, screen.scale, screen.bias):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def _check_arrays(arrays: Any, name: str) -> None:
    """Raise ScreenError unless the arrays are of the kinds that ``Reader.of`` writes."""
    if int(arrays["format"]) != FORMAT:
        raise ScreenError(
            f"The second stage {name} has format {int(arrays['format'])}, this program reads "
            f"{FORMAT}; train it again."
        )
    heads = arrays["policy_ids"].shape
    kinds = {
        "policy_ids": ("U", heads),
        "vectors": ("f", (*heads, PART)),
        "slopes": ("f", heads),
        "offsets": ("f", heads),
        "presumed": ("f", heads),
        "gates": ("f", heads),
        "thresholds": ("f", heads),
        "recall": ("f", (*heads, len(SHARES))),
        "first": ("U", ()),
        "encoder_version": ("U", ()),
    }
    if (
        len(heads) != 1
        or heads[0] > _MOST_HEADS
        or any((arrays[each].dtype.kind, arrays[each].shape) != kinds[each] for each in kinds)
    ):
        raise ScreenError(
            f"The second stage {name} has arrays whose shapes do not belong together; restore or "
            "train it again."
        )

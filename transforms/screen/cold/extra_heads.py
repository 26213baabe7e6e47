"""Heads that are added to a screen after it was trained, small enough to travel with a step.

Such a head has weights for a few thousand n-grams only. It scores in the screen's own terms, with
the screen's norm, so that it folds into the same arrays and costs what any other head costs.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
from scipy.special import expit

from weir.transforms.arrays import Floats
from weir.transforms.screen.model import Screen, Weights, log_odds
from weir.transforms.screen.second_stage.encoder import DIMENSIONS, Encoder, Vectors
from weir.transforms.text.features import BUCKETS

Buckets = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Reranking:
    """What the sentence encoder makes of the posts that a head puts on top.

    A post with at least ``gate`` as its hashed score gets the logistic of
    ``vector . embedding + slope * x + offset``, where x is the hashed score before its own logistic
    function; it always ranks above the posts that were not read.
    """

    gate: float
    vector: Vectors  # (DIMENSIONS,)
    slope: float
    offset: float
    encoder_version: str


@dataclass(frozen=True, eq=False)
class ExtraHead:
    """A sparse linear head: ``weights`` of the n-grams that hash to ``buckets``, ascending."""

    policy_id: str
    buckets: Buckets
    weights: Weights  # of half precision, as a screen stores them
    bias: float
    threshold: float
    reranking: Reranking | None = None

    def dense(self) -> Weights:
        """Return (BUCKETS,) weights."""
        weights = np.zeros(BUCKETS, np.float32)
        weights[self.buckets] = self.weights
        return weights


def norms(counts: sp.csr_matrix, scale: Weights) -> Floats:
    """Return the length of each row as a screen with this ``scale`` measures it."""
    squares = counts.copy()
    np.square(squares.data, out=squares.data)
    return np.asarray(np.maximum(np.sqrt((squares @ scale).astype(np.float64)), 1e-6))


def with_heads(screen: Screen, heads: Sequence[ExtraHead]) -> Screen:
    """Return the screen with these heads beside its own, or in their place.

    Rerankings are left out: the arrays of a screen cannot hold them; see ``RerankingScreen``.
    """
    names = {head.policy_id for head in heads}
    kept = [i for i, policy_id in enumerate(screen.policy_ids) if policy_id not in names]
    return Screen.of(
        (*(screen.policy_ids[i] for i in kept), *(head.policy_id for head in heads)),
        np.column_stack([screen.weights[:, kept], *(head.dense() for head in heads)]),
        screen.scale,
        np.append(screen.bias[kept], [head.bias for head in heads]),
        np.append(screen.thresholds[kept], [head.threshold for head in heads]),
        certificates=tuple(c for c in screen.certificates if c.policy_id not in names),
        provisional=tuple(c for c in screen.provisional if c.policy_id not in names),
        selectivity_of=tuple(c for c in screen.selectivity if c.policy_id not in names),
    )


@dataclass(frozen=True, eq=False)
class RerankingScreen(Screen):
    """A screen that reads with the sentence encoder what some of its heads put on top.

    That costs 10 to 40 ms a post read, a thousand times the screen itself: little beside a judge,
    which it spares work, and too much for a stream of thousands of posts a second and core.
    """

    under: Screen  # the same with what else reads posts
    encoder: Encoder
    rerankings: tuple[Reranking | None, ...]  # one a head

    @classmethod
    def over(
        cls, screen: Screen, heads: Sequence[ExtraHead], encoder: Encoder
    ) -> "RerankingScreen":
        """Return the folded screen with the rerankings of its heads, and a version of its own."""
        by_policy = {head.policy_id: head.reranking for head in heads}
        own = {field.name: getattr(screen, field.name) for field in fields(Screen)}
        version = hashlib.sha256(f"{screen.version}:".encode() + to_bytes(heads)).hexdigest()[:16]
        rerankings = tuple(by_policy.get(policy_id) for policy_id in screen.policy_ids)
        changed = own | {"version": version}
        return cls(**changed, under=screen, encoder=encoder, rerankings=rerankings)

    def rescore(self, scores: Floats, texts: pa.StringArray) -> Floats:
        """Return the scores with those of the posts that were read above all the others."""
        scores = self.under.rescore(scores, texts)
        gates = [(head, each) for head, each in enumerate(self.rerankings) if each is not None]
        above = {head: scores[:, head] >= reranking.gate for head, reranking in gates}
        if not above:
            return scores
        rows = np.flatnonzero(np.logical_or.reduce(list(above.values())))
        column: Any = texts
        chosen = column.take(pa.array(rows)).dictionary_encode()
        distinct = chosen.dictionary.to_pylist()
        none = np.zeros((0, DIMENSIONS), np.float32)
        vectors = self.encoder.embed(distinct) if distinct else none
        vectors = vectors[chosen.indices.to_numpy()]  # equal posts are read once
        for head, reranking in gates:
            read = np.flatnonzero(above[head][rows])
            scores[:, head] = rerank(scores[:, head], reranking, rows[read], vectors[read])
        return scores


def rerank(
    scores: Floats, reranking: Reranking, rows: npt.NDArray[np.intp], vectors: Vectors
) -> Floats:
    """Return hashed scores with those of the ``rows`` that were read above all the others."""
    result = scores / 2
    hashed = log_odds(scores[rows])
    # One row at a time: a product over many rows adds up in another order than over one.
    meaning = np.array([float(vector @ reranking.vector) for vector in vectors])
    result[rows] = 0.5 + expit(meaning + reranking.slope * hashed + reranking.offset) / 2
    return result


def to_bytes(heads: Sequence[ExtraHead]) -> bytes:
    """Return heads as bytes that depend on nothing else: a table of Arrow IPC."""
    readers = [head.reranking for head in heads]
    batch = pa.RecordBatch.from_pydict(
        {
            "policy_id": [head.policy_id for head in heads],
            "buckets": [head.buckets for head in heads],
            "weights": [head.weights.astype(np.float16).view(np.uint16) for head in heads],
            "bias": [head.bias for head in heads],
            "threshold": [head.threshold for head in heads],
            "gate": [each.gate if each else None for each in readers],
            "vector": [each.vector if each else None for each in readers],
            "slope": [each.slope if each else None for each in readers],
            "offset": [each.offset if each else None for each in readers],
            "encoder_version": [each.encoder_version if each else None for each in readers],
        },
        schema=_SCHEMA,
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, _SCHEMA) as stream:
        stream.write_batch(batch)
    content: bytes = sink.getvalue().to_pybytes()
    return content


_SCHEMA = pa.schema(
    [
        pa.field("policy_id", pa.string()),
        pa.field("buckets", pa.list_(pa.int32())),
        pa.field("weights", pa.list_(pa.uint16())),  # the bits of half-precision numbers
        pa.field("bias", pa.float64()),
        pa.field("threshold", pa.float64()),
        pa.field("gate", pa.float64()),
        pa.field("vector", pa.list_(pa.float32())),
        pa.field("slope", pa.float64()),
        pa.field("offset", pa.float64()),
        pa.field("encoder_version", pa.string()),
    ]
)


def from_bytes(content: bytes) -> tuple[ExtraHead, ...]:
    """Return the heads that ``to_bytes`` wrote."""
    with pa.ipc.open_stream(content) as stream:
        rows = [row for batch in stream for row in batch.to_pylist()]
    return tuple(
        ExtraHead(
            row["policy_id"],
            np.array(row["buckets"], np.int32),
            np.array(row["weights"], np.uint16).view(np.float16).astype(np.float32),
            row["bias"],
            row["threshold"],
            None
            if row["gate"] is None
            else Reranking(
                row["gate"],
                np.array(row["vector"], np.float32),
                row["slope"],
                row["offset"],
                row["encoder_version"],
            ),
        )
        for row in rows
    )

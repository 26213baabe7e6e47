"""Labelled sets as one table of distinct posts: what is known of each, and which are copies."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
import xxhash

from weir.transforms.arrays import Mask
from weir.transforms.screen.training.labelled import LabelledPost, LabelledSet
from weir.transforms.text import features
from weir.transforms.text.languages import GROUPS, Groups
from weir.transforms.text.near_duplicates import clusters
from weir.transforms.text.normalise import normalise

# Violating posts in a language from which on a head has seen it, and their share of all of them: a
# language is told wrongly of one post in a hundred and fifty.
_LEAST_SEEN, _LEAST_SEEN_SHARE = 5, 0.02
MOST_READ = 3000  # posts of a set: an encoder reads a hundred a second
_LEAST_ORDINARY = 200  # posts presumed to violate nothing, before they stand for ordinary traffic

Labels = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Corpus:
    """Distinct normalised posts, in an order that does not depend on the order of the sets.

    ``labels`` is (posts, policies): 1 violates, 0 does not, NaN is not known. ``weak`` marks
    policies that a post is presumed, not labelled, to respect, ``judged`` those that only a judge
    or a public set has labelled it for, ``likely`` weighs those that it may violate, 0 elsewhere.
    """

    policy_ids: tuple[str, ...]
    texts: pa.StringArray
    counts: sp.csr_matrix  # (posts, features.BUCKETS), as `features.matrix` gives it
    labels: Labels
    weak: Mask
    likely: Labels
    judged: Mask
    calibrates: Mask  # (posts,): comes as traffic does, so thresholds and figures may rest on it
    cluster: npt.NDArray[np.intp]  # (posts,): the first row of its near-duplicates
    draw: npt.NDArray[np.float64]  # (posts,): uniform in [0, 1), one for a cluster
    languages: Groups  # (posts,): see languages.GROUPS
    to_read: Mask  # (posts,): those that an encoder reads, at most MOST_READ of each set
    conflicts: int  # labels that disagree on equal posts; the post counts as violating

    @classmethod
    def of(cls, sets: Sequence[LabelledSet], policy_ids: Sequence[str], salt: int = 0) -> "Corpus":
        """Return the posts of all sets; where labels of equal texts differ, violates wins.

        ``salt`` gives other draws.
        """
        posts = [(post, labelled) for labelled in sets for post in labelled.posts]
        texts = normalise(pa.array([post.text for post, _ in posts], pa.string())).to_pylist()
        distinct = sorted(set(texts), key=_digest)
        row_of = {text: row for row, text in enumerate(distinct)}
        labels = np.full((len(distinct), len(policy_ids)), np.nan)
        weak, likely = np.zeros(labels.shape, bool), np.zeros(labels.shape)
        calibrates = np.zeros(len(distinct), bool)
        by_hand, judged = np.zeros((2, *labels.shape), bool)
        conflicts = 0
        to_read = np.zeros(len(distinct), bool)
        to_read[[row_of[text] for text in _drawn(texts, sets)]] = True
        for text, (post, labelled) in zip(texts, posts, strict=True):
            row = row_of[text]
            calibrates[row] |= labelled.calibrates
            known = labels[row].copy()
            stated, presumed = _stated(post, policy_ids)
            conflicts += int((np.abs(known - stated) == 1).sum())
            labels[row] = np.fmax(known, stated)
            weak[row] |= presumed
            likely[row] = np.fmax(likely[row], [post.likely.get(p, 0.0) for p in policy_ids])
            hearsay = labelled.judged or not labelled.own
            (judged if hearsay else by_hand)[row] |= ~np.isnan(stated)
        column = pa.array(distinct, pa.string())
        counts = features.matrix(column)
        cluster = clusters(counts)
        return cls(
            policy_ids=tuple(policy_ids),
            texts=column,
            counts=counts,
            labels=labels,
            weak=weak & np.isnan(labels),
            likely=np.where(np.isnan(labels) & ~weak, likely, 0.0),
            judged=judged & ~by_hand,
            calibrates=calibrates,
            cluster=cluster,
            draw=_draws(distinct, salt)[cluster],
            languages=features.languages(column),
            to_read=to_read,
            conflicts=conflicts,
        )

    def certification_posts(self, head: int) -> Mask:
        """Return the posts that a certificate of the head may rest on."""
        own = self.calibrates & ~self.judged[:, head]
        return own & np.isin(self.languages, self.languages_of(head))

    def ordinary(self, head: int) -> Mask:
        """Return the posts that stand for ordinary traffic.

        Those that are presumed to respect every policy; without them the safe ones of a head.
        """
        presumed = self.weak.all(axis=1)
        if presumed.sum() >= _LEAST_ORDINARY:
            return np.asarray(presumed, bool)
        safe = (self.labels[:, head] == 0) | self.weak[:, head]
        return np.asarray(safe & self.calibrates, bool)

    def suspected(self, head: int) -> Mask:
        """Return the posts that break some rule, nobody said whether this head's; (posts,)."""
        return suspected(self.labels[:, head], self.weak[:, head], self.likely)

    def languages_of(self, head: int) -> list[int]:
        """Return the languages of a head's violating posts, as codes; those of a few are left out.

        In another the head's scores mean nothing that a label has shown.
        """
        violating = np.bincount(self.languages[self.labels[:, head] == 1], minlength=len(GROUPS))
        least = max(_LEAST_SEEN, _LEAST_SEEN_SHARE * violating.sum())
        return [int(code) for code in np.flatnonzero(violating >= least)]


def suspected(labels: Labels, weak: Mask, likely: Labels) -> Mask:
    """Return (posts,) which posts break some rule of which nobody said whether it is a policy's.

    ``labels`` and ``weak`` are (posts,) of the policy, ``likely`` is (posts, policies) of all.
    """
    return np.asarray(np.isnan(labels) & ~weak & (likely > 0).any(axis=1), bool)


def _drawn(texts: Sequence[str], sets: Sequence[LabelledSet]) -> Iterator[str]:
    """Yield the normalised texts of the posts that stand for each set, of all sets' ``texts``."""
    begin = 0
    for labelled in sets:
        chosen = {post.text for post in labelled.draw(MOST_READ)}
        of_set = texts[begin : begin + len(labelled.posts)]
        begin += len(labelled.posts)
        yield from compress(of_set, (post.text in chosen for post in labelled.posts))


def _stated(post: LabelledPost, policy_ids: Sequence[str]) -> tuple[Labels, Mask]:
    stated = [post.labels.get(policy_id, np.nan) for policy_id in policy_ids]
    return np.array(stated, float), np.array([p in post.weak for p in policy_ids], bool)


def _digest(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode())


def _draws(texts: Sequence[str], salt: int) -> Labels:
    """Return a number in [0, 1) a text, which is not the order of the corpus.

    Rows are sorted by another hash and a cluster takes its first row's draw: were both one hash,
    large clusters would draw small numbers.
    """
    draw = xxhash.xxh3_64_intdigest
    return np.array([draw(text.encode(), salt + 1) / 2**64 for text in texts], float)

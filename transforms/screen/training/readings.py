"""What the encoder makes of posts, which the second stage is fitted to; see `read_once`."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from weir.transforms.arrays import Floats, Mask
from weir.transforms.screen.archive import ScreenError
from weir.transforms.screen.second_stage.encoder import (
    CHARACTERS,
    PART,
    Encoder,
    Vectors,
    add_highest,
    split_layers,
)
from weir.transforms.screen.training.corpus import Corpus


@dataclass(frozen=True, eq=False)
class Readings:
    """What the encoder makes of some posts of a corpus, as live screening reads them."""

    rows: npt.NDArray[np.intp]  # of the posts, ascending
    vectors: Vectors  # (parts, PART), those of a post one after another
    begins: npt.NDArray[np.intp]  # (posts,), the first part of each
    beyond: Mask  # (posts,): longer than what is read of a post

    @classmethod
    def of(cls, corpus: Corpus, encoder: Encoder, cache: Path | None = None) -> "Readings":
        """Return what the encoder makes of the posts that are to be read; see `read_once`."""
        rows = np.flatnonzero(corpus.to_read)
        column: Any = corpus.texts
        read = cls.of_texts(column.take(rows).to_pylist(), encoder, cache)
        return replace(read, rows=rows)

    @classmethod
    def of_texts(
        cls, texts: Sequence[str], encoder: Encoder, cache: Path | None = None
    ) -> "Readings":
        """Return what the encoder makes of all of these normalised texts; see `read_once`."""
        vectors, begins = read_once(texts, encoder, cache)
        beyond = np.array([len(text) > CHARACTERS for text in texts], bool)
        return cls(np.arange(len(texts)), vectors, begins, beyond)

    @cached_property
    def firsts(self) -> Vectors:
        """Return (posts, PART), the first part of each post."""
        return self.vectors[self.begins]

    def highest(self, coefficients: Floats) -> Floats:
        """Return (posts, heads) second scores by (heads, PART) coefficients."""
        layers = zip(split_layers(self.vectors), split_layers(coefficients), strict=True)
        return add_highest((parts @ own.T for parts, own in layers), self.begins)

    def outstanding(self, coefficients: Floats) -> Vectors:
        """Return (posts, PART), in each layer the part that (PART,) coefficients rank highest."""
        counts = np.diff(self.begins, append=len(self.vectors))
        post = np.repeat(np.arange(len(counts)), counts)
        found = []
        layers = zip(split_layers(self.vectors), split_layers(coefficients[None]), strict=True)
        for parts, own in layers:
            products = parts @ own[0].astype(np.float32)
            rows = np.flatnonzero(products == np.maximum.reduceat(products, self.begins)[post])
            found.append(parts[rows[np.searchsorted(post[rows], np.arange(len(counts)))]])
        return np.concatenate(found, axis=1)


def read_once(
    texts: Sequence[str], encoder: Encoder, cache: Path | None = None
) -> tuple[Vectors, npt.NDArray[np.intp]]:
    """Return what ``Encoder.embed_whole`` makes of texts; none in the file ``cache`` is read again.

    The file keeps what it had of this encoder, and has them beside it.
    """
    read = AlreadyRead(encoder)
    if cache is not None:
        read.load(cache)
    found = read.embed_whole(texts)
    if cache is not None:
        read.keep(cache)
    return found


class AlreadyRead:
    """An encoder that reads no text twice, and keeps in a file what it has read."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self._parts = encoder, dict[int, Vectors]()

    @property
    def version(self) -> str:
        """Return the encoder's."""
        return self._encoder.version

    def embed_whole(self, texts: Sequence[str]) -> tuple[Vectors, npt.NDArray[np.intp]]:
        """Return what ``Encoder.embed_whole`` does."""
        keys = _keys(texts)
        missing = {
            key: text for key, text in zip(keys, texts, strict=True) if key not in self._parts
        }
        if missing:
            vectors, begins = self._encoder.embed_whole(list(missing.values()))
            self._parts |= zip(missing, np.split(vectors, begins[1:]), strict=True)
        found = [self._parts[key] for key in keys]
        counts = np.array([len(each) for each in found], np.intp)
        whole = np.concatenate([np.empty((0, PART), np.float32), *found])
        return whole.astype(np.float32, copy=False), np.cumsum(counts) - counts

    def load(self, file: Path) -> None:
        """Take what ``keep`` wrote, where the file is there and of this encoder.

        ScreenError where it is another file: it would be written over.
        """
        if not file.exists():
            return
        try:
            with file.open("rb") as opened, np.load(opened, allow_pickle=False) as kept:
                version, keys, ends = str(kept["encoder"]), kept["keys"], kept["windows"].cumsum()
                parts = np.split(kept["vectors"], ends[:-1]) if len(keys) else []
        except Exception as error:  # another file makes numpy and zipfile raise almost anything
            raise ScreenError(
                f"{file} does not hold what an encoder has read ({type(error).__name__}); remove "
                "it, or name another file by --cache."
            ) from error
        if version == self.version:
            self._parts |= zip(keys.tolist(), parts, strict=True)

    def keep(self, file: Path) -> None:
        """Keep all that was read, and loaded."""
        parts = [np.empty((0, PART), np.float32), *self._parts.values()]
        beside = file.with_name(f".{file.name}.{os.getpid()}")  # what was kept outlives an end here
        try:
            with beside.open("wb") as out:  # to a name numpy adds its own ending
                np.savez(
                    out,
                    keys=np.array(list(self._parts), np.uint64),
                    windows=np.array([len(each) for each in parts[1:]], np.intp),
                    vectors=np.concatenate(parts),
                    encoder=np.array(self.version),
                )
            beside.replace(file)
        finally:
            beside.unlink(missing_ok=True)


def _keys(texts: Sequence[str]) -> list[int]:
    return [xxhash.xxh3_64_intdigest(text.encode()) for text in texts]

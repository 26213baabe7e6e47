"""What a server says that it serves: its list of models, read with some forgiveness; pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from weir.transforms.judge.endpoint.untrusted_json import (
    NO_ANSWER,
    GarbledError,
    count,
    decode,
    text,
)

VLLM, LLAMA_CPP = "vllm", "llamacpp"  # what these two name themselves as the owner of a model


@dataclass(frozen=True)
class Model:
    """An entry of /models; ``root`` and ``max_model_len`` are vLLM's."""

    id: str
    owned_by: str | None = None
    root: str | None = None
    max_model_len: int | None = None


def models(body: bytes) -> list[Model]:
    """Return what /models lists, below ``data`` or in a bare array. Raises GarbledError.

    ``data`` is null, or not there at all, where nothing is loaded.
    """
    listed = decode(body, object)
    if isinstance(listed, Mapping):
        listed = listed.get("data") or []
    if not isinstance(listed, list):
        raise GarbledError(NO_ANSWER)
    return [
        Model(
            name, text(each, "owned_by"), text(each, "root"), count(each, "max_model_len") or None
        )
        for each in listed
        if (name := text(each, "id"))
    ]

"""The vocabulary of the gpt-oss family of models."""

from functools import lru_cache

from openai_harmony import HarmonyEncoding, HarmonyEncodingName, load_harmony_encoding


@lru_cache(maxsize=1)
def encoding() -> HarmonyEncoding:
    """Return the vocabulary; the first call takes half a second."""
    return load_harmony_encoding(HarmonyEncodingName.HARMONY_GPT_OSS)

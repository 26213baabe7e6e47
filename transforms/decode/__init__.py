"""Decode: from Kafka messages to posts, one function for each format."""

from weir.transforms.decode.formats import attributes, decoder
from weir.transforms.decode.outcome import Decoded, Failure
from weir.transforms.decode.settings import FORMATS, DecodeSettings
from weir.transforms.decode.step import Decode

__all__ = ["FORMATS", "Decode", "DecodeSettings", "Decoded", "Failure", "attributes", "decoder"]

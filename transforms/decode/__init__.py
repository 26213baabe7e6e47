"""Decode: from Kafka messages to posts, one function for each format."""

from transforms.decode.decoded import Decoded, Failure
from transforms.decode.formats import attributes, decoder
from transforms.decode.settings import FORMATS, DecodeSettings
from transforms.decode.step import Decode

__all__ = ["FORMATS", "Decode", "DecodeSettings", "Decoded", "Failure", "attributes", "decoder"]

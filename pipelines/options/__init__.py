"""The options of the moderation job, a file for each concern, validated before anything starts."""

from weir.pipelines.options.decoding import DecodeOptions
from weir.pipelines.options.moderation import CONCERNS, ModerationSettings
from weir.pipelines.options.source import SourceOptions, kafka_options, kafka_settings

__all__ = [
    "CONCERNS",
    "DecodeOptions",
    "ModerationSettings",
    "SourceOptions",
    "kafka_options",
    "kafka_settings",
]

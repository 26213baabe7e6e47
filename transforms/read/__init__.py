"""From Kafka to batches of messages."""

from transforms.read.bounds import Start, Stop
from transforms.read.errors import LostMessagesError, SourceError
from transforms.read.partitions import check_source
from transforms.read.source import ReadFromKafka

__all__ = ["LostMessagesError", "ReadFromKafka", "SourceError", "Start", "Stop", "check_source"]

"""From Kafka to batches of messages."""

from weir.transforms.kafka.errors import LostMessagesError, SourceError
from weir.transforms.read.bounds import Start, Stop
from weir.transforms.read.find_slices import check_source
from weir.transforms.read.source import ReadFromKafka

__all__ = ["LostMessagesError", "ReadFromKafka", "SourceError", "Start", "Stop", "check_source"]

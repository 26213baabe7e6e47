"""``--source=deferred``: each bounded run takes up where the last one that came to its end stopped.

The place is kept in Kafka, as offsets committed for a consumer group, and only once all is judged:
a run that is cut short is judged again, under the same decision ids.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace

from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from weir.pipelines.options import ModerationSettings
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.read import Start, Stop
from weir.transforms.read.partitions import find_slices

GROUP = "weir-deferred"


@dataclass(frozen=True)
class Bookmark:
    """Where a run stops reading a topic: partition -> offset."""

    kafka: KafkaSettings
    topic: str
    stops: Mapping[int, int]

    def keep(self) -> None:
        """Let the next run begin here."""
        with closing(self.kafka.consumer(group_id=GROUP)) as consumer:
            places = {TopicPartition(self.topic, n): at for n, at in self.stops.items()}
            consumer.assign(list(places))
            consumer.commit({p: OffsetAndMetadata(at, "", -1) for p, at in places.items()})


def taken_up(settings: ModerationSettings) -> tuple[ModerationSettings, Bookmark | None]:
    """Return the settings with the offsets that a run over the deferred topic is to read.

    Without a bookmark where it has no end or names a start of its own, or reads another topic:
    then the settings are returned as they are.
    """
    bounded, from_the_start = settings.stop.at != "never", settings.start.at == "earliest"
    if not (settings.shape.deferred and bounded and from_the_start):
        return settings, None
    (topic,) = settings.topics
    start = Start(_kept(settings.kafka, topic) or "earliest")
    slices = find_slices(settings.kafka, (topic,), start, settings.stop)
    stops = {each.partition: each.stop for each in slices}
    starts = {each.partition: each.start for each in slices}
    return (
        replace(settings, start=Start(starts), stop=Stop(stops)),
        Bookmark(settings.kafka, topic, stops),
    )


def _kept(kafka: KafkaSettings, topic: str) -> dict[int, int]:
    with closing(kafka.consumer(group_id=GROUP)) as consumer:
        partitions = sorted(consumer.partitions_for_topic(topic))
        kept = {n: consumer.committed(TopicPartition(topic, n)) for n in partitions}
    return {n: offset for n, offset in kept.items() if offset is not None}

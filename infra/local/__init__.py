"""What Weir runs against, as children of the process that asks for it."""

from infra.local.children import StackError
from infra.local.flink import FlinkCluster, flink_cluster
from infra.local.kafka import KafkaBroker, kafka_broker
from infra.local.stack import Emulator, bigquery_emulator, broker

__all__ = [
    "Emulator",
    "FlinkCluster",
    "KafkaBroker",
    "StackError",
    "bigquery_emulator",
    "broker",
    "flink_cluster",
    "kafka_broker",
]

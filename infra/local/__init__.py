"""What Weir runs against, as children of the process that asks for it."""

from weir.infra.local.children import StackError
from weir.infra.local.flink import FlinkCluster, flink_cluster
from weir.infra.local.kafka import KafkaBroker, kafka_broker
from weir.infra.local.registry import SchemaRegistry, schema_registry
from weir.infra.local.stack import Emulator, bigquery_emulator, broker

__all__ = [
    "Emulator",
    "FlinkCluster",
    "KafkaBroker",
    "SchemaRegistry",
    "StackError",
    "bigquery_emulator",
    "broker",
    "flink_cluster",
    "kafka_broker",
    "schema_registry",
]

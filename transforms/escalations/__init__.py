"""Escalations as Kafka messages: how a job that screens and one that judges are joined."""

from weir.transforms.escalations.message import EVENT_TYPE, SCHEMA
from weir.transforms.escalations.step import ReadEscalations, WriteEscalations

__all__ = ["EVENT_TYPE", "SCHEMA", "ReadEscalations", "WriteEscalations"]

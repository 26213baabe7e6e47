"""A broker and a BigQuery emulator as children of the process that asks for them."""

from infra.local.children import StackError
from infra.local.stack import Emulator, bigquery_emulator, broker

__all__ = ["Emulator", "StackError", "bigquery_emulator", "broker"]

"""Kafka: the connection, consumers, record batches as Arrow columns, commits and producing."""

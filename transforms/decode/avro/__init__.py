"""Avro's binary form: a schema as a tree of steps, taken for many messages at once."""

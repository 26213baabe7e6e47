"""Policies: documents that people write, read into values that the pipeline carries."""

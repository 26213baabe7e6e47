"""Decisions as a regulator takes them: statements of reasons, and the counts of a year."""

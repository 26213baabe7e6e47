"""A job as it runs: its numbers, its log, and its status."""

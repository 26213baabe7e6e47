"""Weir: moderate streams of user content against policies written in plain language."""

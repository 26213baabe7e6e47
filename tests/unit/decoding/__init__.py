"""Decode, a part at a time."""

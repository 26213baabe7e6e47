"""Replays and comparisons: started, watched, read."""

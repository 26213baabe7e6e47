"""Heads for policies that the screen was not trained for."""

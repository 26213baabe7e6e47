"""Policies written, tried and put in force."""

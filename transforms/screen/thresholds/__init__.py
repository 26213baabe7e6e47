"""Thresholds that follow the stream: each head open for a share of each language's posts."""

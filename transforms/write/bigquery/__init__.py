"""Rows into BigQuery by the Storage Write API."""

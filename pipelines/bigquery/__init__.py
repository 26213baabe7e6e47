"""The dataset that runs write to: its tables, their upgrades and retention, and queries."""

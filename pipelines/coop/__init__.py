"""Coop, ROOST's review console: what is flagged goes to it, and what people decide comes back."""

"""Posts put before people, and what they decide."""

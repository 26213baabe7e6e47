"""Posts: found, and the whole way of each."""

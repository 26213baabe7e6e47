"""What two sets of decisions on the same posts have in common, and where they differ."""

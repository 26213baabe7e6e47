"""People's decisions on a sample of what was decided."""

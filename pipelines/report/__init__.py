"""Some days of a run on one page."""

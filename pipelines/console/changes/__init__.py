"""Who changed what through the console."""

"""What a reader sees of a text, as numbers: nothing here knows of screens, policies or judges."""

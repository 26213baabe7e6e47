"""How long rows are kept, and how one author's are deleted."""

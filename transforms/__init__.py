"""What happens to content: one folder per step of the graph."""

"""Jobs that a person starts, and the `weir` command."""

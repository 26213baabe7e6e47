"""Jobs that a person starts, and the `weir` command."""

from pipelines import logs

logs.configure()  # before anything imports Beam

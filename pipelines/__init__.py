"""Jobs that a person starts, and the `weir` command."""

from pipelines.seeing import logs

logs.configure()  # before anything imports Beam

"""Jobs that a person starts, and the `weir` command."""

from weir.pipelines.monitoring import logs

logs.configure()  # before anything imports Beam

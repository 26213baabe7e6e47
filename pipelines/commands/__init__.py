"""The ``weir`` command: one module for each thing that a person asks of it, and nothing else."""

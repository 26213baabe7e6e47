"""Where decisions go: BigQuery, the flagged topic and the dead-letter topic."""

"""Train a screen from labelled posts; no worker needs this."""

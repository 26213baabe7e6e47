"""The command line of whatever tries at length what tests try for seconds."""

import argparse


def parse_options(about: str | None) -> argparse.Namespace:
    """Return the ``count`` and the ``seed`` of what is to be tried."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()

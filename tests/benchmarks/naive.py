"""What certificates are compared with."""

import numpy as np

from weir.transforms.arrays import Floats


def naive_threshold(positives: Floats, recall: float) -> float:
    """Return the threshold with that recall on the scores themselves: it misses half of the time.

    The one below which lies the share 1 - ``recall`` of the scores of violating posts.
    """
    return float(np.sort(positives)[int((1 - recall) * len(positives) + 1e-9)])

"""How many requests at once a server can bear: more with each answer, half where it is overloaded.

Pure, as ``pace`` is.
"""

import math

_FIRST = 8  # at once; few enough to find out what a server allows before many are refused


class Window:
    """Additive increase, multiplicative decrease, up to ``most`` requests.

    It opens by one with each answer until the server was overloaded once, and from then on by one
    with each round of answers. Limits by the minute are not its business: halving for them what is
    in flight, a server that takes long to answer would never be kept busy. See ``pace``.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = float(min(most, _FIRST))
        self._halved_at = -math.inf

    @property
    def size(self) -> int:
        """Return how many requests may be at the server at once, at least 1."""
        return int(self._size)

    def record_answer(self) -> None:
        """Say that a request was answered."""
        more = 1.0 if self._halved_at == -math.inf else 1 / self._size
        self._size = min(self._most, self._size + more)

    def record_overload(self, sent: float, now: float) -> None:
        """Say that a request, sent then, came to nothing because the server has too much to do."""
        if sent > self._halved_at:  # the others of its round say nothing new
            self._size = max(1.0, self._size / 2)
            self._halved_at = now

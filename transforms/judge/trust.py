"""Whether verdicts that near-copies take are to be trusted, by those that were judged all the same.

Nothing is trusted until it is shown: on trial every near-copy is judged, and each that the judge
gives the verdict it would have taken is a bet won against "no more than ``bound`` of them agree".
The capital is multiplied by the likelihood ratio of a better agreement to the bound, so where the
claim is true the chance that it ever reaches 1 / ERROR is at most ERROR, however often it is looked
at (Ville, 1939). A trial that has lost nearly all is given up for a new one, and the k-th has to
win k (k + 1) / ERROR, so that all of them together are wrong with a probability of ERROR at most.

What is trusted is checked by a share of the near-copies. They bet the other way round, against "at
least ``bound`` agree"; a capital below 1 is forgotten, so that years of agreement do not hide a
change: the CUSUM e-detector of Shin, Ramdas and Rinaldo, "E-detectors" (2022), whose false alarms
come 1 / ERROR checks apart or more, on average. At 1 / ERROR trust is lost, and a new trial begins.

At a bound of 0.9 trust takes 47 checks where all agree, and about 150 where 95 % do. It is lost
after 10 checks where half agree and after 44 where 80 % do (medians of 500 simulations).
"""

import math
from dataclasses import dataclass

ERROR = 0.05
_GIVEN_UP = math.log(0.05)  # of the stake of a trial


@dataclass
class Trust:
    """Trust in the near-copies of one kind. Of one thread at a time; ``bound`` is in [0.5, 1)."""

    bound: float
    trusted: bool = False
    trial: int = 1
    _log_capital: float = 0.0

    def record(self, *, agreed: bool) -> None:
        """Take the outcome of a check into account."""
        disagreeing = 1 - self.bound
        if self.trusted:
            self._bet(1 - 2 * disagreeing, agreed=agreed)
            self._log_capital = max(0.0, self._log_capital)
            if self._log_capital >= -math.log(ERROR):
                self.trusted = False
                self._next_trial()
        else:
            self._bet(1 - disagreeing / 4, agreed=agreed)
            if self._log_capital >= math.log(self.trial * (self.trial + 1) / ERROR):
                self.trusted, self._log_capital = True, 0.0
            elif self._log_capital <= _GIVEN_UP:
                self._next_trial()

    def _bet(self, on: float, *, agreed: bool) -> None:
        ratio = on / self.bound if agreed else (1 - on) / (1 - self.bound)
        self._log_capital += math.log(ratio) if ratio > 0 else -math.inf

    def _next_trial(self) -> None:
        self.trial += 1
        self._log_capital = 0.0

"""What a training is asked for."""

from dataclasses import dataclass

from weir.transforms.screen.certificate import supported_recall
from weir.transforms.screen.training.labelled import LabelsError
from weir.transforms.screen.training.precision_fit import Asked

LEAST_RECALL = 0.5  # that is worth a promise


@dataclass(frozen=True)
class TrainingSettings:
    """What the thresholds have to hold.

    With ``supported`` a threshold is put where about ``recall`` is reached, and certified is what
    the labels support there; else it is put where ``recall`` itself is certified. ``budget`` is the
    share of safe posts that a head without a certificate lets through to the judge; ``date`` is
    written on the card as it is.
    """

    recall: float = 0.95
    confidence: float = 0.95
    budget: float = 0.2
    date: str | None = None
    precision: float | None = None  # of provisional flags; None: there are none
    # Share of a stream that violates a policy, for which that precision is meant; None: that of
    # the labelled posts.
    provisional_prevalence: float | None = None
    supported: bool = False

    def __post_init__(self) -> None:
        """Raise LabelsError for a share that means nothing."""
        for name in ("recall", "confidence"):
            if not LEAST_RECALL <= getattr(self, name) <= 0.9999:
                raise LabelsError(
                    f"The {name} is {getattr(self, name)}; give a share from 0.5 to 0.9999."
                )
        if not 0 <= self.budget <= 1:
            raise LabelsError(f"The budget is {self.budget}; give a share from 0 to 1.")
        if self.precision is not None and not 0.5 <= self.precision <= 0.9999:
            raise LabelsError(
                f"The precision is {self.precision}; give a share from 0.5 to 0.9999."
            )
        if self.provisional_prevalence is not None and not 0 < self.provisional_prevalence < 1:
            raise LabelsError(
                f"The prevalence is {self.provisional_prevalence}; give a share between 0 and 1."
            )

    def certifiable(self, positives: int) -> float:
        """Return the recall to certify with so many violating posts: their number decides alone."""
        if not self.supported:
            return self.recall
        return max(LEAST_RECALL, supported_recall(positives, self.recall, self.confidence))

    @property
    def asked(self) -> Asked | None:
        """Return what provisional flags have to hold; None where there are none."""
        if self.precision is None:
            return None
        return Asked(self.precision, self.confidence, self.provisional_prevalence)

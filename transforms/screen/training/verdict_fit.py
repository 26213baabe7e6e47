"""Fit what verdicts say beside what a head said before: a logistic regression that knows its prior.

A judge errs. Of verdicts on what nobody violates a hundredth says violating, and where a policy is
violated once in a thousand posts these are most of what it ever says: so the errors are a part of
the likelihood, and a violating verdict where the head sees nothing is taken for one of them. The
prior is what the head said: with few verdicts it ranks as before.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from weir.transforms.arrays import Floats, Mask
from weir.transforms.screen.second_stage.encoder import Vectors

FALSE_ALARMS, MISSES = 0.01, 0.1  # of a judge, as presumed
# What the logit is before any verdict, and how sure that is: of a post in the middle of the stream,
# for each spread over ordinary posts that a head says more, and of each unit of a direction.
_MIDDLE, _MIDDLE_SPREAD = -7.0, 2.0
_SLOPE, _SLOPE_SPREAD = 1.5, 0.5
# With 1 and 3 a thousand verdicts find 0.83 and 0.86 at 200 requests on posts of Reddit, with 3, 6
# and 12 they find 0.81, 0.80 and 0.75 on Wikipedia's.
_DIRECTION_SPREAD = 3.0
_ITERATIONS = 200
_TOLERANCE = 1e-7  # of the loss: products are in single precision


@dataclass(frozen=True, eq=False)
class Learned:
    """The logit of a violation: ``bias + slope * said + vectors @ direction``."""

    bias: float
    slope: float  # 0 or more
    direction: Floats  # (dimensions,)


def fit_verdicts(said: Floats, vectors: Vectors, called: Mask, weights: Floats) -> Learned:
    """Return what (posts,) verdicts say, ``called`` where the judge called a post violating.

    ``said`` is what the head says in spreads from the middle of the stream, ``vectors`` (posts,
    dimensions) what else is known of the posts, from the middle of the stream; of no dimension
    where the order of posts is to stay. It is the most probable one: the highest
    sum of log likelihood and log prior.
    """
    rows = vectors.astype(np.float32)
    heard = 1 - FALSE_ALARMS - MISSES
    middle = np.concatenate([[_MIDDLE, _SLOPE], np.zeros(rows.shape[1])])
    spread = np.full(len(middle), _DIRECTION_SPREAD)
    spread[:2] = _MIDDLE_SPREAD, _SLOPE_SPREAD

    def loss(away: Floats) -> tuple[float, Floats]:
        """Return it for a point so many spreads away from the middle, and its gradient there."""
        point = middle + spread * away
        violates = expit(point[0] + point[1] * said + rows @ point[2:].astype(np.float32))
        says = FALSE_ALARMS + heard * violates
        value = weights @ np.where(called, np.log(says), np.log1p(-says)) - away @ away / 2
        slopes = weights * heard * violates * (1 - violates)
        slopes *= np.where(called, 1 / says, -1 / (1 - says))
        of_rows = rows.T @ slopes.astype(np.float32)
        gradient = spread * np.concatenate([[slopes.sum(), slopes @ said], of_rows])
        return -float(value), away - gradient

    bounds = [(None, None), (-_SLOPE / _SLOPE_SPREAD, None), *[(None, None)] * rows.shape[1]]
    options = {"maxiter": _ITERATIONS, "ftol": _TOLERANCE}
    start = np.zeros(len(middle))
    away = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    found = middle + spread * away
    return Learned(float(found[0]), max(0.0, float(found[1])), found[2:])

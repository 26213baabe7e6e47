"""What verdicts make of what a head said, when a judge errs."""

import numpy as np

from weir.transforms.arrays import Floats, Mask
from weir.transforms.screen.training.verdict_fit import Learned, fit_verdicts

RANDOM = np.random.default_rng(3)
SAID = RANDOM.normal(size=200)
VECTORS = RANDOM.normal(size=(200, 5)).astype(np.float32)


def fitted(called: Mask, *, said: Floats = SAID, dimensions: int = 5) -> Learned:
    return fit_verdicts(said, VECTORS[: len(said), :dimensions], called, np.ones(len(said)))


def test_what_a_head_ranks_high_is_likelier_before_any_verdict() -> None:
    learned = fitted(np.zeros(0, bool), said=np.zeros(0))
    assert learned.slope > 0
    assert not learned.direction.any()


def test_verdicts_teach_what_the_head_did_not_see() -> None:
    learned = fitted(VECTORS[:, 2] > 1)
    assert int(np.argmax(learned.direction)) == 2
    assert learned.direction[2] > 3 * np.abs(np.delete(learned.direction, 2)).max()


def test_one_violating_verdict_among_many_where_the_head_sees_nothing_is_taken_for_an_error() -> (
    None
):
    called = np.zeros(200, bool)
    called[int(np.argmin(SAID))] = True
    learned, without = fitted(called), fitted(np.zeros(200, bool))
    assert np.abs(learned.direction - without.direction).max() < 0.05


def test_of_no_dimension_the_order_stays() -> None:
    learned = fitted(SAID < -1, dimensions=0)
    assert learned.direction.shape == (0,)
    assert learned.slope >= 0


def test_a_policy_that_is_violated_more_often_has_a_higher_bias() -> None:
    often, seldom = (fitted(share > SAID - 1.5, dimensions=0) for share in (-0.1, -1.0))
    assert often.bias > seldom.bias

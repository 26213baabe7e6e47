"""Which screenings are stored, and with which chance."""

import numpy as np
import pyarrow as pa
import pytest

from tests.rows import screening
from weir.pipelines.errors import OptionError
from weir.pipelines.options.content import StoringOptions
from weir.transforms.records import SCREENING
from weir.transforms.screen.route import AUDIT, CLEAR, ESCALATE, FORCED, ScreenSettings
from weir.transforms.screen.rows import recorded_probability
from weir.transforms.write.recording import Recorded, draw_recorded


def screenings(count, probability, share):
    stored = {"recorded_probability": probability, "record_cleared": share}
    rows = [screening("r", n, stored=stored, spam="clear") for n in range(count)]
    return pa.RecordBatch.from_pylist(rows, SCREENING)


def test_only_a_post_that_every_policy_cleared_may_go_unrecorded():
    settings = ScreenSettings("r", "c", record_cleared=0.25)
    codes = np.array([[CLEAR, CLEAR], [CLEAR, ESCALATE], [AUDIT, AUDIT], [FORCED, CLEAR]], np.int8)
    assert recorded_probability(settings, codes).tolist() == [0.25, 1, 1, 1]


def test_what_a_second_screen_would_send_is_recorded_too():
    settings = ScreenSettings("r", "c", record_cleared=0.25)
    first = np.array([[CLEAR], [CLEAR], [ESCALATE]], np.int8)
    second = np.array([[CLEAR], [ESCALATE], [CLEAR]], np.int8)
    assert recorded_probability(settings, first, second).tolist() == [0.25, 1, 1]


def test_about_the_share_is_stored_and_always_the_same_posts():
    batch = screenings(20_000, 0.1, 0.1)
    kept = draw_recorded(batch)
    assert 1800 < kept.num_rows < 2200
    assert draw_recorded(batch).equals(kept)
    halves = [draw_recorded(batch.slice(0, 7_000)), draw_recorded(batch.slice(7_000))]
    assert sum(half.num_rows for half in halves) == kept.num_rows


def test_another_secret_draws_other_posts():
    batch = screenings(2_000, 0.5, 0.5)
    assert not draw_recorded(batch, "one").equals(draw_recorded(batch, "two"))
    assert Recorded("one", counted=False)(batch).equals(draw_recorded(batch, "one"))


def test_a_larger_share_holds_all_of_a_smaller_one():
    few = draw_recorded(screenings(5_000, 0.1, 0.1))["offset"].to_pylist()
    many = draw_recorded(screenings(5_000, 0.3, 0.3))["offset"].to_pylist()
    assert set(few) < set(many)


def test_none_and_all_are_what_they_say():
    assert draw_recorded(screenings(500, 0.0, 0.0)).num_rows == 0
    assert draw_recorded(screenings(500, 1.0, 1.0)).num_rows == 500
    assert draw_recorded(screenings(500, 1.0, 0.0)).num_rows == 500


@pytest.mark.parametrize(
    ("said", "share"), [("all", 1.0), ("none", 0.0), ("1%", 0.01), ("0.5%", 0.005), ("100%", 1.0)]
)
def test_a_share_is_a_word_or_a_percentage(said, share):
    assert StoringOptions(record_cleared=said).recorded_share == pytest.approx(share)


@pytest.mark.parametrize("said", ["", "some", "0%", "101%", "1", "-1%", "1%%", "nan%", "١%%"])
def test_another_share_is_refused_with_the_way_out(said):
    with pytest.raises(OptionError, match="give a share such as 1%, or all or none"):
        StoringOptions(record_cleared=said)

"""Where a run begins, and where it keeps how far it has got, by what its options say."""

import pytest

from weir.pipelines.errors import OptionError
from weir.pipelines.settings.progress import Progress
from weir.transforms.read import Start, Stop

EARLIEST = Start("earliest")


def progress(group=None, start=None, stop="latest", restored=False):
    return Progress.of(group, start, Stop.parse(stop), "weir-live", restored=restored)


@pytest.mark.parametrize("stop", ["never", "latest", "2026-01-31"])
@pytest.mark.parametrize("start", [None, "group"])
def test_a_run_goes_on_where_its_group_has_got_to_unless_told_otherwise(start, stop):
    assert progress(start=start, stop=stop) == Progress("weir-live", True, EARLIEST)
    assert progress("mine", start=start, stop=stop).group == "mine"


def test_without_a_group_a_run_begins_at_the_earliest_and_keeps_nothing():
    assert progress("none") == Progress(None, False, EARLIEST)
    with pytest.raises(OptionError, match="--start=group needs a group"):
        progress("none", start="group")


@pytest.mark.parametrize("stop", ["never", "latest"])
def test_all_of_a_topic_decided_again_is_progress(stop):
    assert progress(start="earliest", stop=stop) == Progress("weir-live", False, EARLIEST)


@pytest.mark.parametrize(
    ("start", "stop"),
    [("2026-01-01", "latest"), ('{"0": 5}', "latest"), ("earliest", '{"0": 500}')],
)
def test_a_slice_does_not_move_the_place_of_a_live_run(start, stop):
    assert progress(start=start, stop=stop).group is None
    assert progress("mine", start=start, stop=stop).group == "mine"


def test_a_start_that_is_none_is_refused_with_every_one_there_is():
    with pytest.raises(OptionError, match=r"earliest, latest, .*; or group"):
        progress(start="beginning")


def test_what_a_runner_restores_goes_on_from_the_runners_own_place():
    assert progress(stop="never", restored=True) == Progress("weir-live", False, EARLIEST)


def test_a_start_that_is_none_is_refused_with_what_is_allowed():
    with pytest.raises(OptionError, match="earliest, latest"):
        progress(start="yesterday-ish")

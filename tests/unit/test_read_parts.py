"""A slice with an end, read by several workers at once."""

import pytest
from apache_beam.io.restriction_trackers import OffsetRange
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.runners.sdf_utils import RestrictionTrackerView, ThreadsafeRestrictionTracker

from tests.unit.test_read_source import KAFKA, Reader
from weir.transforms.process.offset_ledger import Progress
from weir.transforms.read.find_slices import Slice
from weir.transforms.read.source import PART_OFFSETS, PartRestrictions, ReadParts


def tracker(start, stop):
    return PartRestrictions().create_tracker(OffsetRange(start, stop))


def ranges(split):
    return split and [(each.start, each.stop) for each in split]


class Part:
    """One call of the DoFn; the runner splits it after the first batch."""

    def __init__(self, reader, stop, fraction):
        self.tracker = ThreadsafeRestrictionTracker(tracker(0, stop))
        reading = ReadParts(
            KAFKA, accept_loss=False, max_poll_records=10, bundle_rows=10**9, bundle_seconds=60
        )._read_bundle(
            Slice("posts", 0, 0, stop),
            reader,
            RestrictionTrackerView(self.tracker),
            ManualWatermarkEstimator(None),
        )
        self.batches = [next(reading).value["offset"].to_pylist()]
        _, self.rest = self.tracker.try_split(fraction)
        self.batches += [each.value["offset"].to_pylist() for each in reading]
        self.tracker.check_done()


def test_a_large_slice_is_in_parts_before_it_is_read():
    whole = Slice("posts", 0, 10, 10 + 2 * PART_OFFSETS + 100)
    provider = PartRestrictions()
    parts = list(provider.split(whole, provider.initial_restriction(whole)))
    assert [parts[0].start, parts[-1].stop] == [whole.start, whole.stop]
    assert [a.stop for a in parts[:-1]] == [b.start for b in parts[1:]]
    assert len(parts) == 2


def test_a_small_slice_is_one_part():
    provider = PartRestrictions()
    whole = Slice("posts", 0, 10, 500)
    assert ranges(provider.split(whole, provider.initial_restriction(whole))) == [(10, 500)]


def test_half_of_what_is_left_goes_to_another_worker():
    half = tracker(0, 100_000)
    assert half.try_claim(20_000)
    assert ranges(half.try_split(0.5)) == [(0, 60_000), (60_000, 100_000)]


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.99])
def test_nothing_is_given_away_that_is_not_worth_a_reader(fraction):
    assert tracker(0, 15_000).try_split(fraction) is None


def test_a_part_may_always_be_cut_where_it_stands():
    part = tracker(0, 100)
    assert part.try_claim(9)
    assert ranges(part.try_split(0)) == [(0, 10), (10, 100)]


def test_what_was_read_up_to_the_cut_is_kept_and_the_rest_left_to_the_other():
    reader = Reader(([1, 2], 100), ([100, 49_000, 55_000], 60_000), ([70_000], 100_000))
    part = Part(reader, 100_000, 0.5)
    cut = part.rest.start
    assert 49_000 < cut < 55_000
    assert part.batches == [[1, 2], [100, 49_000]]
    assert part.rest.stop == 100_000


def test_a_cut_that_the_reader_has_not_come_to_ends_it_there():
    part = Part(Reader(([1], 2), ([2, 30], 40), ([80_000], 90_000)), 100_000, 0.5)
    assert part.batches == [[1], [2, 30]]


def rows(*offsets):
    from tests.unit.test_offset_ledger import rows

    return rows(*offsets)


@pytest.fixture
def progress():
    counted = Progress()
    counted.start()
    return counted


def settled(progress):
    return progress.settled()["posts", 0].offset


def test_parts_that_end_out_of_order_wait_for_the_first(progress):
    progress.at("posts", 0, 100, "id", 0)
    progress.read("posts", 0, rows(100, 101), 200)
    progress.release(rows(100, 101))
    assert settled(progress) == 0
    progress.at("posts", 0, 0, "id", 0)
    progress.read("posts", 0, rows(0, 99), 100)
    progress.release(rows(0))
    assert settled(progress) == 99
    progress.release(rows(99))
    assert settled(progress) == 200


def test_a_part_that_is_only_half_read_holds_the_offset(progress):
    progress.at("posts", 0, 0, "id", 0)
    progress.at("posts", 0, 100, "id", 0)
    progress.read("posts", 0, rows(0), 50)
    progress.read("posts", 0, rows(100), 200)
    progress.release(rows(0, 100))
    assert settled(progress) == 50
    progress.at("posts", 0, 50, "id", 0)
    progress.read("posts", 0, None, 100)
    assert settled(progress) == 200


def test_a_part_that_is_read_again_ends_what_is_known_of_its_partition(progress):
    progress.at("posts", 0, 100, "id", 0)
    progress.read("posts", 0, rows(100, 101), 102)
    progress.at("posts", 0, 100, "id", 0)
    assert progress.settled() == {}


def test_a_part_that_was_given_away_is_read_from_the_cut_on(progress):
    progress.at("posts", 0, 0, "id", 0)
    progress.read("posts", 0, rows(1), 10)
    progress.at("posts", 0, 60, "id", 0)
    progress.read("posts", 0, rows(60), 100)
    progress.read("posts", 0, rows(11), 60)
    progress.release(rows(1, 60))
    assert settled(progress) == 11
    progress.release(rows(11))
    assert settled(progress) == 100

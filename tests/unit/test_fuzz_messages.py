"""What stands around a violation, and whatever else a message holds, loses and clears nothing."""

from tests.fuzz_messages import fuzz


def test_mutated_messages_end_once_and_no_planted_violation_is_cleared():
    tried = fuzz(3_000, seed=7)
    assert tried.cleared == []
    assert tried.ended["posts"] + tried.ended["dead letters"] == 3_000
    assert min(tried.ended.values()) > 100
    assert tried.ended["planted"] > 1_000

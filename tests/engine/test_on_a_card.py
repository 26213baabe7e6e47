"""The script that measures on a card, at a size that measures nothing: so that it stays whole."""

import time

import pytest

from tests.engine.on_a_card import main, measure, posts


def test_each_way_is_measured_beside_the_engine_itself(engine):
    found = measure(engine, 8, time.monotonic() + 600)
    requests = {name: (each.verdicts, each.requests) for name, each in found.items() if each}
    assert requests["one policy, low effort"] == (8, 8)
    assert requests["every post at two efforts"] == (8, 16)
    assert requests["three policies in one request"] == (24, 8)
    for each in found.values():
        assert each.policy_share_cached > 0.95
        assert each.raw_requests_per_s > 0
        assert each.tokens_out > 0


def test_what_there_is_no_time_for_is_named_and_left_out(engine):
    assert set(measure(engine, 8, time.monotonic() - 1).values()) == {None}


def test_posts_have_200_bytes_and_no_two_are_alike():
    made = posts(50, ("spam",))
    assert {len(text.encode()) for text, _ in made} == {200}
    assert len({text for text, _ in made}) == 50


def test_a_machine_without_a_card_is_refused_in_a_sentence():
    with pytest.raises(SystemExit, match="no NVIDIA card is here"):
        main(["--posts=1"])

"""How a cold head reaches the workers, and what stands on the card."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from tests.cold_posts import SAFE, VIOLATING, stream
from weir.transforms.screen import Screen, ScreenError, ScreenSource
from weir.transforms.screen.cold.extra_heads import with_heads
from weir.transforms.screen.cold.fit import ColdSettings, ColdStarter, Labelled, Stream
from weir.transforms.screen.cold.source import ColdScreenSource, extended_card

EXAMPLES = Labelled((*VIOLATING, *SAFE), np.repeat([True, False], [len(VIOLATING), len(SAFE)]))


@pytest.fixture(scope="module")
def fitted():
    starter = ColdStarter(Screen.load("starter").scale, Stream.of(stream()))
    head = starter.head("cheats", EXAMPLES, ColdSettings())
    return head, starter.report(head, EXAMPLES, ColdSettings())


@pytest.fixture(scope="module")
def source(fitted) -> ColdScreenSource:
    head, report = fitted
    return ColdScreenSource.extend(ScreenSource.of("starter"), [head], [report])


def test_a_worker_has_the_screen_that_the_launcher_folded(source, fitted) -> None:
    arrived = pickle.loads(pickle.dumps(source))
    assert arrived.screen().version == with_heads(Screen.load("starter"), [fitted[0]]).version
    assert arrived.version == arrived.screen().version
    texts = pa.array(stream(20))
    assert np.array_equal(arrived.screen().score(texts), source.screen().score(texts))


def test_a_step_carries_less_than_200_kilobytes_for_a_head(source) -> None:
    assert len(pickle.dumps(source)) < 200_000


def test_a_worker_that_would_fold_another_screen_refuses(source) -> None:
    with pytest.raises(ScreenError, match="the same release of Weir"):
        replace(source, version="0" * 16).screen()


def test_the_screen_that_is_there_now_keeps_the_cold_head_until_it_has_one_itself(
    source, fitted, tmp_path
) -> None:
    assert source.renew() == source
    head = fitted[0]
    starter = Screen.load("starter")
    laxer = starter.with_thresholds(np.full(len(starter.policy_ids), 0.9))
    laxer.save(tmp_path, {})
    moved = replace(source, path=str(tmp_path), base_version=laxer.version)
    assert moved.renew().screen().version == with_heads(laxer, [head]).version
    with_heads(laxer, [head]).save(tmp_path, {})
    assert moved.renew() == ScreenSource.of(tmp_path)


def test_the_card_has_the_trained_heads_and_the_cold_one(source) -> None:
    card = json.loads(source.card())
    assert card["screen_version"] == source.version
    assert card["heads"][-1]["policy_id"] == "cheats"
    assert len(card["heads"]) == len(Screen.load("starter").policy_ids) + 1


@pytest.mark.parametrize("card", ["{}", "not JSON", "[1]"])
def test_a_screen_without_a_sound_card_gets_one(card: str) -> None:
    assert extended_card(card, "v", [{"policy_id": "p"}]) == {
        "screen_version": "v",
        "heads": [{"policy_id": "p"}],
    }

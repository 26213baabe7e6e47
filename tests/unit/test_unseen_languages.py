"""The starter on posts in ten languages that no head of it has seen, read by the real encoder."""

import numpy as np
import pyarrow as pa
import pytest

from tests.language_posts import ABUSE, ORDINARY
from weir.transforms.screen.model import STARTER, Screen
from weir.transforms.screen.second_stage.screen import ReadingSource, encoder_missing

SHARE = 0.1
POSTS = 30  # ordinary ones of each language
HEADS = ("hate", "harassment")


@pytest.fixture(scope="module", params=["first stage", "both stages"])
def starter(request: pytest.FixtureRequest) -> Screen:
    if request.param == "first stage":
        return Screen.load(STARTER)
    if missing := encoder_missing():
        pytest.skip(f"{missing} is not installed")
    return ReadingSource.of(STARTER).screen()


def test_a_share_of_its_own_ranking_finds_more_of_a_languages_abuse_than_chance(
    starter: Screen,
) -> None:
    heads = [starter.policy_ids.index(policy_id) for policy_id in HEADS]
    found = []
    for language, abuse in ABUSE.items():
        texts = [*ORDINARY[language][:POSTS], *abuse]
        scores = starter.score(pa.array(texts, pa.string()))[:, heads]
        found += list(scores[POSTS:] >= np.quantile(scores[:POSTS], 1 - SHARE, axis=0))
    assert (np.mean(found, axis=0) > SHARE).all()

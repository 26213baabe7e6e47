"""What becomes of a head whose certificate the audits refute: all of its posts are judged."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests import reading
from tests.language_posts import ORDINARY
from tests.unit.test_screen_step import content
from weir.policies.policy import Policy, PolicySet
from weir.transforms.records import Route
from weir.transforms.screen import Screen, ScreenContent, ScreenSettings, ScreenSource
from weir.transforms.screen.certificate import Certificate
from weir.transforms.screen.second_stage.screen import ReadingScreen
from weir.transforms.screen.selectivity import Selectivity
from weir.transforms.screen.teaching.folder import TaughtFolder
from weir.transforms.screen.thresholds.allocation import Asked
from weir.transforms.screen.thresholds.decide import StreamShares
from weir.transforms.text.features import BUCKETS


def certificate(policy_id: str, threshold: float) -> Certificate:
    return Certificate(
        policy_id=policy_id, certified=True, threshold=threshold, recall=0.95, confidence=0.95,
        positives=60, misses_allowed=0, positives_needed=59, labels_needed=0,
        calibration_set="own", calibration_sha256="0" * 64, calibration_posts=100,
        escalation_rate=0.1, budget=None,
    )  # fmt: skip


def certified(*policy_ids: str) -> Screen:
    """Return heads that score posts .5 and clear them, as they are certified to, in English."""
    heads, weights = len(policy_ids), np.zeros((BUCKETS, len(policy_ids)), np.float32)
    weights[0] = 10  # so that a post could reach the threshold
    return Screen.of(
        policy_ids,
        weights,
        np.ones(BUCKETS, np.float32),
        np.zeros(heads),
        np.full(heads, 0.9),
        [certificate(policy_id, 0.9) for policy_id in policy_ids],
        selectivity_of=[Selectivity(policy_id, ("en",)) for policy_id in policy_ids],
    )


def routes(screen: Screen, folder: Path, texts: list[str]) -> list[dict[str, str]]:
    """Return the routes of posts by policy, where heads are open for a tenth of the stream."""
    screen.save(folder, {})
    policies = PolicySet(
        tuple(Policy(i, i, "owner", "text", {"1": "violates"}, {}) for i in screen.policy_ids)
    )
    settings = ScreenSettings("run-1", "cluster-1", audit_rate=0)
    step = ScreenContent(
        ScreenSource.of(folder), policies, settings, shares=StreamShares(Asked(per_head=0.1))
    )._dofn
    step.setup()
    *_, screenings = step.process(content(*texts))
    step.teardown()
    return [
        {entry["policy_id"]: entry["route"] for entry in row["policies"]}
        for row in screenings.to_pylist()
    ]


ENGLISH = [f"the dog is in the garden with my friend {n}" for n in range(30)]


def test_all_posts_of_a_head_that_is_opened_are_judged_and_the_others_are_as_before(
    tmp_path: Path,
) -> None:
    opened = certified("a", "b").opened(["a"])
    assert routes(opened, tmp_path, ENGLISH) == [{"a": Route.ESCALATE, "b": Route.CLEAR}] * 30


def test_the_only_head_of_a_screen_can_be_opened(tmp_path: Path) -> None:
    opened = certified("a").opened(["a"])
    assert routes(opened, tmp_path, ENGLISH) == [{"a": Route.ESCALATE}] * 30


def test_an_opened_head_clears_no_post_in_a_language_that_it_has_not_seen(tmp_path: Path) -> None:
    opened = certified("a").opened(["a"])
    russian = ORDINARY["Russian"]
    assert routes(opened, tmp_path, russian) == [{"a": Route.ESCALATE}] * len(russian)


def test_both_stages_of_a_head_are_opened() -> None:
    screen = certified("a", "b")
    reader = reading.reader("a", "b")
    promised = [certificate(policy_id, 0.9) for policy_id in ("a", "b")]
    reader = reader.with_thresholds(reader.thresholds, promised, ())
    both = ReadingScreen.over(screen, reader, reading.encoder()).opened(["a"])
    assert isinstance(both, ReadingScreen)
    for stages in (both, both.first()):
        above = stages.score(pa.array(ENGLISH)) >= stages.thresholds
        assert above[:, 0].all()
        assert not above[:, 1].any()


@pytest.mark.parametrize("heads", [("a",), ("a", "b")])
def test_a_folder_lets_an_opened_screen_decide_and_its_card_says_so(
    tmp_path: Path, heads: tuple[str, ...]
) -> None:
    card = {"heads": [{"policy_id": "a", "certificate": {"certified": True, "threshold": 0.9}}]}
    certified(*heads).save(tmp_path / "base", card)
    folder = TaughtFolder(str(tmp_path / "taught"), reads=False)
    folder.begin(ScreenSource.of(tmp_path / "base"))
    folder.replace_live(certified(*heads).opened(["a"]))
    assert folder.live().version == folder.shadow().version == certified(*heads).opened("a").version
    (head,) = json.loads(folder.live().card())["heads"]
    assert head["certificate"]["threshold"] == 0

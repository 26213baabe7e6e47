"""What training gives: heads, thresholds with certificates, a card, and warnings."""

import json
from dataclasses import replace

import pyarrow as pa
import pytest

from tests.screen_posts import labelled, posts
from weir.transforms.screen.certificate import supported_recall
from weir.transforms.screen.model import Screen
from weir.transforms.screen.training.labelled import LabelledPost, LabelsError
from weir.transforms.screen.training.settings import TrainingSettings
from weir.transforms.screen.training.train import Trained, train

SETTINGS = TrainingSettings()


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train([labelled(*posts(1000, 400))], ["bad", "new"], SETTINGS)


def test_a_head_tells_violating_posts_from_safe_ones(trained: Trained) -> None:
    scores = trained.screen.score(pa.array(["bat verybadword gep", "bat dos gep"]))
    assert scores[0, 0] > 0.9 > 0.1 > scores[1, 0]


def test_a_head_with_positives_enough_is_certified(trained: Trained) -> None:
    certificate = trained.screen.certificate("bad")
    assert certificate is not None
    assert certificate.certified
    assert (certificate.positives, certificate.misses_allowed) == (400, 12)
    assert certificate.folds > 1
    assert certificate.calibration_set == "posts"
    assert certificate.threshold == trained.screen.thresholds[0]


def test_the_fewest_positives_that_certify_are_enough() -> None:
    screens = [train([labelled(*posts(300, bad))], ["bad"], SETTINGS).screen for bad in (58, 59)]
    assert [each.certificates[0].certified for each in screens] == [False, True]
    assert screens[0].certificates[0].labels_needed == 1


def test_a_certificate_names_only_sets_with_violating_posts() -> None:
    safe = labelled(*posts(300, 0, seed=6), name="safe")
    screen = train([safe, labelled(*posts(500, 300))], ["bad"], SETTINGS).screen
    assert screen.certificates[0].calibration_set == "posts"


def test_verdicts_fit_a_head_no_further_open_than_the_budget_and_certify_nothing() -> None:
    verdicts = labelled(*posts(2000, 600), judged=True)
    screen = train([verdicts], ["bad"], TrainingSettings(budget=0.1)).screen
    (certificate,) = screen.certificates
    assert not certificate.certified
    assert certificate.positives == 0
    fresh = screen.score(pa.array([post.text for post in posts(1000, 0, seed=5)]))
    assert 0.01 < (fresh[:, 0] >= certificate.threshold).mean() < 0.15


def test_a_public_set_certifies_nothing() -> None:
    public = replace(labelled(*posts(1000, 400)), own=False)
    (certificate,) = train([public], ["bad"], SETTINGS).screen.certificates
    assert not certificate.certified


def test_a_head_knows_the_languages_that_it_has_seen_violations_in(trained: Trained) -> None:
    (known,) = trained.screen.selectivity
    assert (known.policy_id, known.languages, known.recall) == ("bad", ("latin",), None)


def test_a_certificate_rests_on_no_post_in_a_language_of_a_few() -> None:
    few = [LabelledPost(f"это очень плохо {word}", {"bad": True}) for word in ("раз", "два")]
    alone, beside = (
        train([labelled(*posts(1000, 400), *more)], ["bad"], SETTINGS).screen for more in ([], few)
    )
    assert beside.certificates[0].certified
    assert beside.certificates[0].positives == alone.certificates[0].positives
    assert beside.selectivity == alone.selectivity


def test_a_certificate_does_not_count_verdicts_beside_labels() -> None:
    labels = labelled(*posts(500, 300))
    verdicts = labelled(*posts(500, 300, seed=9), judged=True, name="verdicts")
    (certificate,) = train([labels, verdicts], ["bad"], SETTINGS).screen.certificates
    alone = train([labels], ["bad"], SETTINGS).screen.certificates[0]
    assert certificate.certified
    assert certificate.calibration_set == "posts"
    assert certificate.positives == alone.positives


def test_a_verdict_on_a_labelled_post_leaves_the_label_what_it_is() -> None:
    rows = posts(500, 300)
    copies = labelled(*rows, judged=True, name="verdicts")
    both = train([labelled(*rows), copies], ["bad"], SETTINGS).screen
    assert both.file == train([labelled(*rows)], ["bad"], SETTINGS).screen.file


def test_the_certificate_is_part_of_what_the_version_names(trained: Trained) -> None:
    other = trained.screen.with_thresholds(trained.screen.thresholds)
    assert other.version != trained.screen.version
    assert Screen.parse(trained.screen.file).certificates == trained.screen.certificates


def test_a_head_without_positives_enough_is_open_as_far_as_the_budget_allows() -> None:
    screen = train([labelled(*posts(2000, 50))], ["bad"], TrainingSettings(budget=0.1)).screen
    certificate = screen.certificate("bad")
    assert certificate is not None
    assert not certificate.certified
    assert certificate.labels_needed == 9
    assert certificate.budget == 0.1
    fresh = screen.score(pa.array([post.text for post in posts(1000, 0, seed=5)]))
    assert 0.01 < (fresh[:, 0] >= screen.thresholds[0]).mean() < 0.15


def test_a_head_of_few_positives_is_certified_for_what_they_support() -> None:
    screen = train([labelled(*posts(1000, 50))], ["bad"], TrainingSettings(supported=True)).screen
    (certificate,) = screen.certificates
    assert certificate.certified
    assert certificate.recall == supported_recall(50, 0.95, 0.95)
    assert certificate.misses_allowed == 2


def test_less_than_half_of_the_violations_is_no_promise() -> None:
    few = [labelled(*posts(300, 4))]
    (certificate,) = train(few, ["bad"], TrainingSettings(supported=True)).screen.certificates
    assert not certificate.certified
    assert certificate.labels_needed == 5


def test_equal_labels_give_equal_bytes_in_any_order(trained: Trained) -> None:
    again = train([labelled(*reversed(posts(1000, 400)))], ["bad", "new"], SETTINGS)
    assert again.screen.file == trained.screen.file
    assert json.dumps(again.card) == json.dumps(trained.card)


def test_the_card_has_hashes_counts_licences_and_figures(trained: Trained) -> None:
    card = json.loads(json.dumps(trained.card))
    assert card["screen_version"] == trained.screen.version
    assert [(each["licence"], each["posts"]) for each in card["sets"]] == [("CC0", 1000)]
    (head,) = card["heads"]
    assert (head["violating"], head["safe"]) == (400, 600)
    assert head["first_stage"]["average_precision"] > 0.95
    assert head["certificate"]["certified"] is True


def test_the_card_says_which_prevalence_and_posts_the_figures_speak_of(trained: Trained) -> None:
    (head,) = trained.card["heads"]
    assert (head["measured_on"], head["measured_posts"]) == ("posts", 1000)
    assert head["measured_prevalence"] == 0.4


def test_the_card_names_the_sets_that_label_what_was_measured() -> None:
    street = [LabelledPost(p.text, {}, frozenset({"bad"})) for p in posts(100, 0, seed=3)]
    told = [LabelledPost(p.text.upper(), p.labels) for p in posts(100, 40)]
    sets = [labelled(*street, name="street"), labelled(*told, calibrates=False, name="examples")]
    (head,) = train(sets, ["bad"], SETTINGS).card["heads"]
    assert (head["measured_on"], head["measured_posts"]) == ("examples", 100)
    safe = labelled(*posts(50, 0, seed=6), name="safe")
    (head,) = train([safe, labelled(*posts(500, 300))], ["bad"], SETTINGS).card["heads"]
    assert (head["measured_on"], head["measured_posts"]) == ("safe, posts", 550)


def test_the_card_has_what_is_escalated_of_ordinary_posts_beside_that_of_safe_ones() -> None:
    near = [LabelledPost(post.text, {"bad": False}) for post in posts(100, 30, seed=2)]
    street = [LabelledPost(p.text, {}, frozenset({"bad"})) for p in posts(300, 0, seed=3)]
    sets = [labelled(*posts(100, 100), *near), labelled(*street, name="street", calibrates=False)]
    (head,) = train(sets, ["bad"], SETTINGS).card["heads"]
    assert head["first_stage"]["ordinary_escalated"] < head["first_stage"]["safe_escalated"]


def test_a_policy_without_labels_gets_no_head_and_a_warning(trained: Trained) -> None:
    assert trained.screen.policy_ids == ("bad",)
    assert trained.warnings == (
        "1 policy has no labels (new): no head. A run fits a cold one as it starts; with "
        "--cold-start off, or where its examples fit none, all of its posts go to the judge.",
    )


@pytest.mark.parametrize(("bad", "kind"), [(0, "violating"), (100, "safe")])
def test_a_policy_with_one_kind_of_posts_gets_no_head_and_a_warning(bad: int, kind: str) -> None:
    mixed = [labelled(*posts(200, 100)), labelled(*posts(100, bad, "worse", seed=4))]
    found = train(mixed, ["bad", "worse"], SETTINGS)
    assert found.screen.policy_ids == ("bad",)
    assert any(f"worse has no {kind} posts" in warning for warning in found.warnings)


@pytest.mark.parametrize("rows", [posts(1, 1), posts(1, 0), posts(50, 50), posts(50, 0), []])
def test_labels_that_teach_no_head_are_refused(rows: list[LabelledPost]) -> None:
    with pytest.raises(LabelsError, match="No policy has both"):
        train([labelled(*rows)], ["bad"], SETTINGS)


def test_examples_are_not_counted_as_posts_that_somebody_gave() -> None:
    examples = replace(labelled(*posts(300, 0)), calibrates=False)
    with pytest.raises(LabelsError, match=r"\(2 distinct posts, policies' examples aside\)"):
        train([labelled(*posts(2, 0, seed=1)), examples], ["bad"], SETTINGS)


def test_labels_that_contradict_each_other_are_counted_in_a_warning() -> None:
    rows = posts(200, 100)
    doubted = [LabelledPost(post.text.upper(), {"bad": False}) for post in rows[:3]]
    found = train([labelled(*rows, *doubted)], ["bad"], SETTINGS)
    assert any(warning.startswith("3 labels contradict") for warning in found.warnings)


def test_labels_for_a_policy_that_is_not_there_are_left_out_with_a_warning() -> None:
    rows = [*posts(200, 100), LabelledPost("one more", {"gone": True})]
    found = train([labelled(*rows)], ["bad"], SETTINGS)
    assert "1 labelled policies are not there (gone): left out." in found.warnings


@pytest.mark.parametrize(
    "share", [{"recall": 1.0}, {"confidence": 0.2}, {"budget": 1.5}, {"budget": float("nan")}]
)
def test_a_share_that_means_nothing_is_refused(share: dict[str, float]) -> None:
    with pytest.raises(LabelsError, match="give a share"):
        TrainingSettings(**share)  # type: ignore[arg-type]  # a share outside its range


def test_the_card_counts_what_may_violate_apart_from_what_is_labelled() -> None:
    rumours = [LabelledPost(f"{p.text} rumour", {}, likely={"bad": 0.5}) for p in posts(30, 0)]
    sets = [labelled(*posts(100, 40, seed=2)), labelled(*rumours, name="rumours")]
    (head,) = train(sets, ["bad"], SETTINGS).card["heads"]
    assert (head["violating"], head["safe"], head["likely_violating"]) == (40, 60, 30)


def test_the_card_counts_posts_that_break_some_rule_for_each_head_that_nobody_excepted() -> None:
    rules = {"bad": 0.5}
    rumours = [LabelledPost(f"{p.text} rumour", {}, likely=rules) for p in posts(30, 0)]
    excepted = frozenset({"good"})
    others = [LabelledPost(f"{p.text} hearsay", {}, excepted, rules) for p in posts(20, 0)]
    known = [LabelledPost(p.text, dict(p.labels) | {"good": n % 2 == 0})
             for n, p in enumerate(posts(100, 40, seed=2))]  # fmt: skip
    sets = [labelled(*known), labelled(*rumours, *others, name="rumours")]
    bad, good = train(sets, ["bad", "good"], SETTINGS).card["heads"]
    assert (bad["suspected"], good["suspected"]) == (50, 30)

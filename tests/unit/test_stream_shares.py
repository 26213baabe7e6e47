"""The screening step where heads are open for a share of the stream, in each language by itself."""

import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from tests.language_posts import ABUSE, ORDINARY
from tests.unit.test_screen_step import NOON, content
from weir.policies.policy import Policy, PolicySet
from weir.transforms.process.offset_ledger import PROGRESS
from weir.transforms.records import DEFERRED, THRESHOLD
from weir.transforms.screen import STARTER, Screen, ScreenContent, ScreenSettings, ScreenSource
from weir.transforms.screen.certificate import Certificate
from weir.transforms.screen.second_stage.encoder import PART, Encoder, Vectors
from weir.transforms.screen.second_stage.scorer import Reader
from weir.transforms.screen.second_stage.screen import ReadingScreen, ReadingSource
from weir.transforms.screen.selectivity import Selectivity
from weir.transforms.screen.thresholds.allocation import Asked
from weir.transforms.screen.thresholds.decide import Start, StreamShares, stream_time
from weir.transforms.screen.thresholds.group import BOUND
from weir.transforms.screen.thresholds.sketch import logit
from weir.transforms.screen.thresholds.stream import Known
from weir.transforms.text.features import BUCKETS, matrix

POLICIES = PolicySet(
    tuple(
        Policy(i, i, "owner", "text", {"1": "violates"}, {}) for i in ("hate", "harassment", "new")
    )
)
SHARE = 0.1


class Meanings:
    """Stands for the encoder: a text means whatever its hash says."""

    def __init__(self, version: str) -> None:
        self.version = version

    def embed_whole(self, texts: Sequence[str]) -> tuple[Vectors, np.ndarray]:
        seeds = [zlib.crc32(text.encode()) for text in texts]
        drawn = [np.random.default_rng(seed).normal(size=PART) for seed in seeds]
        vectors = np.array(drawn, np.float32).reshape(len(texts), PART)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.arange(len(texts))


@dataclass(frozen=True)
class Given:
    """What the step gave for a batch; its rows by what they are, made as they are asked for."""

    batches: list[tuple[str, pa.RecordBatch]]

    def __getitem__(self, name: str) -> list[dict]:
        return [row for tag, batch in self.batches if tag == name for row in batch.to_pylist()]


class Step:
    """The step in this process, and what it gave."""

    def __init__(
        self, screen: Screen, folder: Path, starts: tuple[Start, ...] = (), audit_rate: float = 0
    ) -> None:
        screen.save(folder, {})
        if isinstance(screen, ReadingScreen):
            screen.reader.save(folder)
        settings = ScreenSettings("run-1", "cluster-1", audit_rate=audit_rate)
        shares = StreamShares(Asked(per_head=SHARE + audit_rate), starts)
        kind = ReadingSource if isinstance(screen, ReadingScreen) else ScreenSource
        source = kind.of(folder)
        self.step = ScreenContent(source, POLICIES, settings, shares=shares)._dofn
        self.step.setup()

    def give(self, texts: list[str], sent_at: datetime = NOON) -> Given:
        posts = content(*texts)
        times = pa.array([sent_at] * len(texts), posts.schema.field("timestamp").type)
        place = posts.schema.get_field_index("timestamp")
        *others, screenings = self.step.process(posts.set_column(place, "timestamp", times))
        return Given([("screenings", screenings), *((each.tag, each.value) for each in others)])


def rows_of(output: Any) -> pa.RecordBatch:
    """Return what the step gave, whichever output it is for."""
    rows: pa.RecordBatch = getattr(output, "value", output)
    return rows


def routes_of(rows: list[dict], policy_id: str) -> list[str]:
    return [
        entry["route"]
        for row in rows
        for entry in row["policies"]
        if entry["policy_id"] == policy_id
    ]


@pytest.fixture(scope="module")
def starter() -> Screen:
    return Screen.load(STARTER)


@pytest.fixture(scope="module")
def both(starter: Screen) -> Iterator[Screen]:
    """The starter with its second stage, which reads without the encoder's weights."""
    reader = Reader.load(STARTER)
    encoder = cast(Encoder, Meanings(reader.encoder_version))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Encoder, "load", lambda: encoder)
        yield ReadingScreen.over(starter, reader, encoder)


def test_no_offset_is_passed_before_all_that_is_said_of_its_message_is_stored(
    starter: Screen, tmp_path: Path
) -> None:
    posts = content("", "The dog is in the garden with my old friend")
    topic, partition, offset = (posts[name][0].as_py() for name in ("topic", "partition", "offset"))
    PROGRESS.start()
    try:
        PROGRESS.at(topic, partition, offset, "id")
        PROGRESS.read(topic, partition, posts, offset + 2)
        outputs = 0
        for output in Step(starter, tmp_path).step.process(posts):
            assert PROGRESS.settled()[topic, partition].offset == offset
            PROGRESS.release(rows_of(output))
            outputs += 1
        assert PROGRESS.settled()[topic, partition].offset == offset + 2
    finally:
        PROGRESS.stop()
    assert outputs > 2


def test_posts_in_ten_languages_and_more_were_written_for_these_tests() -> None:
    assert len(ORDINARY) >= 10
    assert ORDINARY.keys() == ABUSE.keys()


@pytest.mark.parametrize("stages", ["starter", "both"])
@pytest.mark.parametrize("language", ORDINARY)
def test_a_language_that_no_head_has_seen_is_open_for_its_share_of_its_own_ranking(
    request: pytest.FixtureRequest, tmp_path: Path, language: str, stages: str
) -> None:
    screen: Screen = request.getfixturevalue(stages)
    english = [f"The {thing} is in the garden with my old friend" for thing in "abcdefghijkl"] * 20
    step = Step(screen, tmp_path, (Start.of(screen, english),))
    posts = [*ORDINARY[language], *ABUSE[language]]
    rows = step.give(posts)["screenings"]
    found = [entry["score"] for row in rows for entry in row["policies"][:1]]
    detected = np.array([row["detected_language"] for row in rows])
    escalated = np.array(routes_of(rows, "hate")) == "escalate"
    scores = np.array(found)
    for group in set(detected):
        here = detected == group
        # At least its share, and the highest of it, whatever English posts score and mean.
        assert escalated[here].sum() >= int(SHARE * here.sum())
        assert escalated[here][scores[here].argmax()]
        if here.sum() > 50:
            assert escalated[here].mean() < 3 * SHARE
            # Scores of one bin of the sketch, a 64th of a logit, are alike.
            least, most = scores[here][escalated[here]].min(), scores[here][~escalated[here]].max()
            assert logit(least) >= logit(most) - 1 / 64


def test_of_a_topic_of_six_posts_none_is_cleared_that_the_file_of_the_screen_would_send(
    starter: Screen, tmp_path: Path
) -> None:
    abuse = [f"You {noun} of a person, I will hurt you" for noun in ("fool", "rat", "pig", "dog")]
    posts = [*abuse, "The roses are in bloom this week", "Our train to the sea was late again"]
    thresholds = starter.thresholds.copy()
    head = starter.policy_ids.index("harassment")
    thresholds[head] = starter.score(pa.array(abuse))[:, head].min()
    rows = Step(starter.with_thresholds(thresholds), tmp_path).give(posts)["screenings"]
    assert routes_of(rows, "harassment") == [*["escalate"] * 4, "clear", "clear"]


def test_the_rows_of_thresholds_name_what_screenings_name(starter: Screen, tmp_path: Path) -> None:
    step = Step(starter, tmp_path)
    given = step.give([*ORDINARY["German"], *ORDINARY["Russian"], ""])
    named = {(row["detected_language"], row["threshold_version"]) for row in given["screenings"]}
    rows = given["thresholds"]
    assert {(row["language"], row["threshold_version"]) for row in rows} == {
        each for each in named if each[1]
    }
    assert {row["policy_id"] for row in rows} == {"hate", "harassment"}
    assert [row["share"] for row in rows] == pytest.approx([SHARE] * len(rows))
    assert given["screenings"][-1]["threshold_version"] is None
    pa.RecordBatch.from_pylist(rows, schema=THRESHOLD).validate(full=True)


def test_a_threshold_has_its_row_once_in_an_instance_of_the_step(
    starter: Screen, tmp_path: Path
) -> None:
    step = Step(starter, tmp_path, (Start.of(starter, ORDINARY["German"] * 4),))
    first, again = (step.give(ORDINARY["German"][:20]) for _ in range(2))
    assert {row["language"] for row in first["thresholds"]} >= {"de"}
    assert not again["thresholds"]


def plain(certified: bool = False) -> Screen:
    """Return a screen whose one head counts the word badword, and has seen English."""
    weights = np.zeros((BUCKETS, 1), np.float32)
    weights[matrix(["badword"]).indices, 0] = 2
    rare = matrix([f"w{n}" for n in range(500)])
    weights[rare.indices, 0] += np.random.default_rng(0).normal(0, 0.5, len(rare.indices))
    certificate = Certificate(
        *("hate", True, 0.5, 0.95, 0.95, 59, 0, 59, 0, "labels", "0" * 64, 100, 0.1, None)
    )
    return Screen.of(
        ("hate",),
        weights,
        np.ones(BUCKETS, np.float32),
        np.zeros(1),
        np.array([0.5]),
        [certificate] if certified else [],
        selectivity_of=[Selectivity("hate", ("en",))],
    )


def english(count: int, seed: int = 0, more: str = "") -> list[str]:
    random = np.random.default_rng(seed)
    return [
        f"the w{a} is on the w{b} {more}" for a, b in random.integers(0, 500, (count, 2)).tolist()
    ]


def test_a_certified_head_keeps_its_threshold_in_the_languages_that_it_has_seen(
    tmp_path: Path,
) -> None:
    step = Step(plain(certified=True), tmp_path)
    posts = english(300)
    rows = step.give([*posts, *ORDINARY["Russian"]])["screenings"]
    for row, route in zip(rows, routes_of(rows, "hate"), strict=True):
        if row["detected_language"] == "en":
            assert (route == "escalate") == (row["policies"][0]["score"] >= 0.5)
    russian = np.array(routes_of(rows[len(posts) :], "hate")) == "escalate"
    assert russian.any()


@pytest.mark.parametrize("harmless", [0, 20])  # of 400 posts: an attack of 100 % and of 95 %
def test_an_attack_is_escalated_up_to_a_bound_then_deferred_and_nothing_is_cleared(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, harmless: int
) -> None:
    screen = plain()
    step = Step(screen, tmp_path, (Start.of(screen, english(2000)),))
    attack = [
        step.give(
            [
                *english(400 - harmless, seed=n, more="badword badword"),
                *english(harmless, seed=1000 + n),
            ]
        )
        for n in range(1, 25)
    ]
    late = attack[10:]
    violating = [row for each in late for row in each["screenings"][: 400 - harmless]]
    routes = routes_of(violating, "hate")
    assert "clear" not in routes
    escalated = [row for each in late for row in each["escalations"] if row["policy_id"] == "hate"]
    deferred = [row for each in late for row in each["deferred"]]
    assert len(routes) <= len(escalated) + len(deferred) <= 400 * len(late)
    # One in twenty is a copy of an earlier one, which costs nothing.
    assert len(escalated) / (400 * len(late)) == pytest.approx(BOUND * SHARE + 0.05, abs=0.03)
    pa.RecordBatch.from_pylist(deferred, schema=DEFERRED).validate(full=True)
    assert "surge" in {row["reason"] for each in attack for row in each["thresholds"]}
    assert step.step.applied[0].surges == 1
    assert "a surge: " in caplog.text
    assert "badword" not in caplog.text


def test_the_copies_of_one_author_raise_no_threshold(tmp_path: Path) -> None:
    screen = plain()
    step = Step(screen, tmp_path, (Start.of(screen, english(2000)),))
    others = english(400, seed=5)
    before = routes_of(step.give(others)["screenings"], "hate")
    for _ in range(20):
        copies = step.give(["the badword is on the badword"] * 500)
        assert set(routes_of(copies["screenings"], "hate")) == {"escalate"}
        assert not copies["deferred"]
    after = routes_of(step.give(english(400, seed=6))["screenings"], "hate")
    assert before.count("escalate") == pytest.approx(after.count("escalate"), abs=25)


def test_a_flood_of_harmless_posts_opens_no_gate(tmp_path: Path) -> None:
    screen = plain()
    step = Step(screen, tmp_path, (Start.of(screen, english(2000)),))
    near = english(400, seed=5)
    before = routes_of(step.give(near)["screenings"], "hate")
    for n in range(20):
        step.give([f"the {n} {m} is on and it is the one" for m in range(400)])
    after = routes_of(step.give(english(400, seed=6))["screenings"], "hate")
    assert before.count("escalate") == pytest.approx(after.count("escalate"), abs=25)


def test_a_job_that_starts_again_in_an_attack_stays_near_its_last_thresholds(
    tmp_path: Path,
) -> None:
    screen = plain()
    attacked = english(2000, more="badword badword")
    known = (Known("hate", "en", 0.0, within=0.1),)
    step = Step(screen, tmp_path, (Start.of(screen, attacked, known),))
    given = step.give(english(400, seed=3, more="badword badword"))
    assert "clear" not in routes_of(given["screenings"], "hate")


def drifts(screen: Screen, folder: Path, sent_at: Sequence[datetime], start: Start) -> list[str]:
    """Return the reasons of thresholds as more posts score high, a batch at each time."""
    step = Step(screen, folder, (start,))
    given = [
        step.give([*english(350, seed=n), *english(50, seed=n + 99, more="badword")], at)
        for n, at in enumerate(sent_at)
    ]
    return [row["reason"] for each in given for row in each["thresholds"]]


def test_posts_of_before_a_job_began_move_no_threshold_however_long_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = plain()
    began = datetime.now(UTC)
    start = Start.of(screen, english(2000))
    hours = iter(range(10**6))
    monkeypatch.setattr("time.monotonic", lambda: next(hours) * 3600.0)
    before = [began - timedelta(hours=9 - n) for n in range(9)]
    assert set(drifts(screen, tmp_path, before, start)) == {"start"}


def test_thresholds_follow_what_the_stream_brings_after_a_job_began(tmp_path: Path) -> None:
    screen = plain()
    began = datetime.now(UTC) - timedelta(hours=9)
    start = replace(Start.of(screen, english(2000)), taken_at=began.timestamp())
    after = [began + timedelta(minutes=10 * n) for n in range(9)]
    assert "follows" in drifts(screen, tmp_path, after, start)


def test_a_post_of_the_future_takes_the_stream_no_further_than_now() -> None:
    tomorrow = content("a").set_column(7, "timestamp", pa.array([NOON + timedelta(days=9**5)]))
    assert stream_time(tomorrow) <= time.time()
    assert stream_time(content("a")) == NOON.timestamp()


def test_a_language_of_few_posts_begins_where_they_say_whatever_became_of_it_since(
    tmp_path: Path,
) -> None:
    screen = plain()
    german = [f"der {text} ist nicht auf und mit" for text in english(150, seed=1)]
    posts = [*german[:135], *(f"{text} badword" for text in german[135:])]

    def routes(known: tuple[Known, ...]) -> list[str]:
        step = Step(screen, tmp_path / str(len(known)), (Start.of(screen, posts, known),))
        given = step.give(german[:10])["screenings"]
        assert {row["detected_language"] for row in given} == {"de"}
        return routes_of(given, "hate")

    assert routes((Known("hate", "de", -9.0, within=0.1),)) == routes(())


def test_a_language_that_a_head_has_not_seen_is_audited_twice_as_often(tmp_path: Path) -> None:
    step = Step(plain(), tmp_path, audit_rate=0.2)
    russian = [f"{text} {n}" for n, text in enumerate(ORDINARY["Russian"] * 4)]
    rows = step.give([*english(400), *russian])["escalations"]
    audits = [row for row in rows if row["route"] == "audit"]
    rates = {row["text"] in russian: row["inclusion_probability"] for row in audits}
    assert rates == {True: pytest.approx(0.4), False: pytest.approx(0.2)}


def test_another_share_for_a_policy_holds_from_the_next_batch_on(tmp_path: Path) -> None:
    screen = plain()
    shares = StreamShares(Asked(per_head=0.1))
    assert shares.of_heads(screen, POLICIES, 0.0).tolist() == pytest.approx([0.1])
    own = replace(shares, own=(("hate", 0.4),))
    assert own.of_heads(screen, POLICIES, 0.0).tolist() == [0.4]
    gone = PolicySet(POLICIES.policies[1:])
    assert shares.of_heads(screen, gone, 0.0).tolist() == [0.0]


def test_a_stream_of_one_language_that_no_head_knows_costs_its_share(
    starter: Screen, tmp_path: Path
) -> None:
    step = Step(starter, tmp_path)
    random = np.random.default_rng(0)
    batches = [
        [" ".join(random.choice(ORDINARY["Russian"], 2)) for _ in range(200)] for _ in range(8)
    ]
    given = [step.give(batch)["screenings"] for batch in batches]
    assert {row["detected_language"] for rows in given for row in rows} == {"cyrillic"}
    routes = routes_of([row for rows in given for row in rows], "hate")
    assert routes.count("escalate") / len(routes) == pytest.approx(SHARE, abs=0.05)

"""The judge teaches the screen: what one look at the tables makes of the screens of a run."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests import cold_posts
from tests.cold_posts import stream
from tests.integration.stored import put
from tests.rows import screening, verdict
from tests.unit.test_cold_commands import library
from tests.unit.test_open_gate import certified
from weir.pipelines.bigquery.rows import insert
from weir.pipelines.commands.cli import app
from weir.pipelines.demo import Stack, query
from weir.pipelines.screening.teaching import begin_with_base, look, put_back
from weir.pipelines.settings.taught_screen import Teaching
from weir.policies.loading import load_policies
from weir.transforms.decode import DecodeSettings
from weir.transforms.kafka.settings import KafkaSettings, ensure_topics
from weir.transforms.screen import ScreenError, ScreenSource
from weir.transforms.screen.teaching.folder import TaughtFolder

YESTERDAY = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture(scope="module")
def topic(kafka):
    name = f"teaching-{uuid.uuid4().hex[:8]}"
    settings = KafkaSettings(kafka)
    ensure_topics(settings, [name], 1)
    producer = settings.producer()
    for number, text in enumerate(stream(400, seed=9)):
        producer.send(name, value=json.dumps({"id": f"p{number}", "text": text}).encode())
    producer.flush()
    producer.close()
    return name


@pytest.fixture
def teaching(bigquery, kafka, topic, tmp_path) -> Teaching:
    """Return a run of its own, whose folder begins with a screen that knows nothing."""
    cold_posts.base().save(tmp_path / "base", {"heads": []})
    return Teaching(
        folder=TaughtFolder(str(tmp_path / "taught"), reads=False),
        base=ScreenSource.of(tmp_path / "base"),
        run=f"run-{uuid.uuid4().hex[:8]}",
        policies=library(tmp_path / "p"),
        kafka=KafkaSettings(kafka),
        topics=(topic,),
        decode=DecodeSettings(),
        bigquery=bigquery,
    )


def posts(count: int) -> list[str]:
    """Return posts of which none resembles another; a fifth violates."""
    random, letters = np.random.default_rng(3), list("bcdfghklmnprstvwaeiou")
    words = ["".join(random.choice(letters, 6)) for _ in range(10 * count)]
    return [
        " ".join(words[10 * n : 10 * n + 10]) + (" selling an aimbot" if n % 5 == 0 else "")
        for n in range(count)
    ]


def judge(teaching: Teaching, count: int, **changes) -> None:
    """Store what a judge said of so many posts that the screen sent."""
    (policy,) = load_policies(teaching.policies).policies
    put(
        teaching.bigquery,
        "verdicts",
        [
            verdict(
                teaching.run,
                number,
                policy.policy_id,
                "violates" if "aimbot" in text else "safe",
                policy_version=policy.version,
                text=text,
                created_at=YESTERDAY,
                judged_at=YESTERDAY,
            )
            | changes
            for number, text in enumerate(posts(count))
        ],
    )


def differ(teaching: Teaching, *, gained: int, lost: int, first: int = 10_000) -> None:
    """Store violating posts that only one of the two screens sends, as the job would."""
    live, shadow = (s.version for s in (teaching.folder.live(), teaching.folder.shadow()))
    pairs = [("audit", "escalate")] * gained + [("escalate", "clear")] * lost
    for table, version, side in (("screenings", live, 0), ("shadow_screenings", shadow, 1)):
        rows = [
            screening(teaching.run, first + n, screen_version=version, cheats=pair[side],
                      screened_at=datetime.now(UTC), stored={"created_at": YESTERDAY})
            for n, pair in enumerate(pairs)
        ]  # fmt: skip
        put(teaching.bigquery, table, rows)
    rows = [
        verdict(teaching.run, first + n, "cheats", "violates", route=route, created_at=YESTERDAY,
                screen_version=live, inclusion_probability=0.5 if route == "audit" else 1.0)
        for n, (route, _) in enumerate(pairs)
    ]  # fmt: skip
    put(teaching.bigquery, "verdicts", rows)


def taught(teaching: Teaching) -> tuple[str, str]:
    """Let a screen learn; return the versions of what decides and of what is in shadow."""
    judge(teaching, 600)
    assert [row.step for row in look(teaching).rows] == ["begin", "candidate"]
    return teaching.folder.live().version, teaching.folder.shadow().version


def test_a_run_begins_with_its_screen_as_it_is_and_nothing_in_shadow(teaching) -> None:
    found = look(teaching)
    assert [row.step for row in found.rows] == ["begin"]
    assert teaching.folder.live().version == teaching.base.version
    assert teaching.folder.shadow().version == teaching.base.version
    assert found.said == ("0 verdicts to learn from; the next screen takes 250",)


def test_what_has_learned_is_in_shadow_and_the_row_says_of_how_much(teaching) -> None:
    live, shadow = taught(teaching)
    assert live == teaching.base.version != shadow
    assert "cheats" in teaching.folder.shadow().screen().policy_ids
    sql = "SELECT * FROM `{dataset}.promotions` WHERE run = @run AND step = 'candidate'"
    (row,) = query(teaching.bigquery, sql, teaching.run)
    assert (row["screen_version"], row["other_version"]) == (shadow, live)
    assert (row["attempt"], row["verdicts"], row["policies"]) == (1, 600, "cheats")
    assert row["decided_by"].startswith("weir ")


def test_without_twice_as_many_verdicts_nothing_new_is_learned(teaching) -> None:
    taught(teaching)
    found = look(teaching)
    assert found.rows == ()
    assert "600 verdicts to learn from; the next screen takes 1,200" in found.said


@pytest.mark.parametrize(
    "change", [{"route": "audit"}, {"policy_version": "older"}, {"run": "another"}]
)
def test_audits_other_versions_of_a_policy_and_other_runs_teach_nothing(teaching, change) -> None:
    judge(teaching, 600, **change)
    assert [row.step for row in look(teaching).rows] == ["begin"]


def test_a_judge_that_says_the_same_of_everything_teaches_nothing_and_that_is_said(
    teaching,
) -> None:
    judge(teaching, 600, verdict="safe")
    found = look(teaching)
    assert [row.step for row in found.rows] == ["begin"]
    assert "cheats has 0 violating" in found.said[0]


def test_a_screen_that_proves_better_decides_and_the_former_one_is_in_shadow(teaching) -> None:
    live, shadow = taught(teaching)
    differ(teaching, gained=8, lost=0)
    (row,) = look(teaching).rows
    assert (row.step, row.screen_version, row.other_version) == ("promote", shadow, live)
    assert row.e_value >= 40
    assert (teaching.folder.live().version, teaching.folder.shadow().version) == (shadow, live)


def test_the_former_screen_decides_again_once_it_proves_better(teaching) -> None:
    live, _ = taught(teaching)
    differ(teaching, gained=8, lost=0)
    look(teaching)
    differ(teaching, gained=8, lost=0, first=20_000)  # the former alone sends these
    (row,) = look(teaching).rows
    assert (row.step, row.screen_version) == ("put back", live)
    assert teaching.folder.live().version == live


def test_what_was_found_before_another_screen_decided_counts_no_more(teaching) -> None:
    taught(teaching)
    for first in (10_000, 20_000):  # promoted, put back
        differ(teaching, gained=8, lost=0, first=first)
        look(teaching)
    assert look(teaching).rows == ()


def test_a_refit_takes_over_what_those_before_it_have_won(teaching) -> None:
    _, first = taught(teaching)
    differ(teaching, gained=3, lost=0)
    judge(teaching, 1_300)
    assert [row.step for row in look(teaching).rows] == ["candidate"]
    shadow = teaching.folder.shadow().version
    assert shadow != first
    differ(teaching, gained=2, lost=0, first=20_000)
    (row,) = look(teaching).rows
    assert (row.step, row.screen_version, row.attempt) == ("promote", shadow, 2)


def test_a_screen_that_finds_less_is_withdrawn(teaching) -> None:
    live, shadow = taught(teaching)
    differ(teaching, gained=1, lost=60)
    (row,) = look(teaching).rows
    assert (row.step, row.screen_version) == ("withdraw", shadow)
    assert teaching.folder.shadow().version == live


def test_a_few_differences_decide_nothing(teaching) -> None:
    _, shadow = taught(teaching)
    differ(teaching, gained=1, lost=1)
    found = look(teaching)
    assert found.rows == ()
    assert f"the screen {shadow} stays in shadow" in found.said[0]


def refute(teaching: Teaching) -> None:
    """Store what twenty audits found where the certified head of the base clears everything."""
    version, day = teaching.base.version, {"created_at": YESTERDAY}
    rows = [
        screening(teaching.run, n, screen_version=version, other="audit", stored=day)
        for n in range(20)
    ]
    put(teaching.bigquery, "screenings", rows)
    card = {"screen_version": version, "card": teaching.base.card()}
    insert(teaching.bigquery, "screens", card)
    rows = [
        verdict(teaching.run, n, "other", "violates", route="audit", screen_version=version,
                inclusion_probability=0.1, **day)
        for n in range(20)
    ]  # fmt: skip
    put(teaching.bigquery, "verdicts", rows)


def test_a_drift_opens_the_gate_of_the_head_whose_certificate_it_refutes(
    teaching, tmp_path
) -> None:
    base = certified("other")
    card = {"heads": [{"policy_id": "other", "certificate": {"certified": True, "recall": 0.95}}]}
    base.save(tmp_path / "base", card)
    teaching = replace(teaching, base=ScreenSource.of(tmp_path / "base"))
    refute(teaching)
    began, opened = look(teaching).rows
    assert (began.step, opened.step, opened.policies) == ("begin", "open", "other")
    assert "drift" in opened.reason
    assert opened.other_version == base.version
    live = teaching.folder.live()
    assert live.version == teaching.folder.shadow().version == opened.screen_version
    assert live.screen().thresholds.tolist() == [0.0]
    assert look(teaching).rows == ()  # once


def test_a_person_puts_a_screen_back_by_hand(teaching) -> None:
    _, shadow = taught(teaching)
    (row,) = put_back(teaching).rows
    assert (row.step, row.screen_version, row.reason) == ("put back", shadow, "by hand")


def test_what_decided_before_a_swap_is_put_back_where_nothing_is_in_shadow(teaching) -> None:
    live, shadow = taught(teaching)
    teaching.folder.swap()
    teaching.folder.empty_shadow()
    (row,) = put_back(teaching).rows
    assert (row.screen_version, row.other_version) == (live, shadow)
    assert teaching.folder.live().version == live


@pytest.mark.parametrize("lost", ["screen.npz", "shadow/screen.npz"])
def test_a_folder_without_a_whole_screen_is_made_whole_by_a_look(teaching, lost) -> None:
    live, shadow = taught(teaching)
    (Path(teaching.folder.path) / lost).write_bytes(b"half")
    assert look(teaching).rows == ()
    assert teaching.folder.live().version == live
    assert teaching.folder.shadow().version == (live if "shadow" in lost else shadow)


def test_where_nothing_whole_is_left_teaching_begins_anew(teaching) -> None:
    taught(teaching)
    for kept in ("screen.npz", "former/screen.npz"):
        (Path(teaching.folder.path) / kept).write_bytes(b"half")
    assert begin_with_base(teaching)
    assert teaching.folder.live().version == teaching.base.version


def test_what_decided_before_a_swap_that_ended_within_it_is_put_back_by_hand(teaching) -> None:
    live, _ = taught(teaching)
    teaching.folder.swap()
    (Path(teaching.folder.path) / "screen.npz").write_bytes(b"half")
    (row,) = put_back(teaching).rows
    assert (row.step, row.screen_version, row.other_version) == ("put back", live, None)
    assert teaching.folder.live().version == live


def test_with_nothing_in_shadow_there_is_nothing_to_put_back(teaching) -> None:
    look(teaching)
    with pytest.raises(ScreenError, match="no screen in shadow"):
        put_back(teaching)


def test_another_screen_of_the_users_begins_anew(teaching, tmp_path) -> None:
    taught(teaching)
    base = cold_posts.base()
    base.with_thresholds(base.thresholds / 2).save(tmp_path / "base", {"heads": []})
    again = Teaching(**vars(teaching) | {"base": ScreenSource.of(tmp_path / "base")})
    assert look(again).rows[0].step == "begin"
    assert teaching.folder.live().version == again.base.version


def test_the_command_takes_the_options_of_the_run(teaching, tmp_path) -> None:
    judge(teaching, 600)
    stack = Stack(teaching.kafka, teaching.bigquery).arguments()
    arguments = [*stack, f"--topics={teaching.topics[0]}", f"--run={teaching.run}"]
    arguments += [f"--policies={teaching.policies}", f"--screen={tmp_path / 'base'}"]
    arguments += [f"--taught-screen={teaching.folder.path}", "--reading=off"]
    ran = CliRunner().invoke(app, ["screen", "teach", *arguments])
    assert ran.exit_code == 0, ran.output
    assert "begin, screen" in ran.stdout
    assert "candidate, screen" in ran.stdout

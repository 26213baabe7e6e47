"""What a stream will take, by arithmetic; and the page that says it."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from weir.infra.bigquery.ddl import columns
from weir.pipelines.capacity.constants import CONSTANTS
from weir.pipelines.capacity.page import page_tables
from weir.pipelines.capacity.plan import PlanError, Workload, plan
from weir.pipelines.capacity.saved import read, save
from weir.pipelines.capacity.warehouse import LABEL_KEYS, day_of, question_usd, row_bytes
from weir.pipelines.commands.cli import app
from weir.pipelines.screening.stream_sample import POSTS

PAGE = Path(__file__).parents[2] / "docs" / "capacity.md"
BASE = Workload(1_000)


@pytest.mark.parametrize("name", page_tables())
def test_a_table_of_the_page_is_what_the_program_reckons(name):
    assert page_tables()[name] in PAGE.read_text("utf-8")


def test_the_page_names_the_first_three_things_that_break_at_ten_million_posts_a_second():
    first = [limit.name for limit in plan(Workload(10_000_000)).breaks[:3]]
    (said,) = re.findall(
        r"The first three things that break there are (.*?)\.", PAGE.read_text("utf-8")
    )
    assert said == f"{first[0]}, {first[1]} and {first[2]}"


def test_ten_times_the_posts_take_ten_times_as_much():
    once, tenfold = plan(BASE), plan(Workload(10_000))
    for less, more in zip(once.parts, tenfold.parts, strict=True):
        if less.unit != "a day":
            # A whole core may be a tenth of one.
            assert more.amount == pytest.approx(10 * less.amount, rel=0.1, abs=9), less.name


def test_a_card_is_as_fast_as_it_is_published_to_be():
    requests = 46.7 * 0.6 * 5
    cards = plan(replace(BASE, posts_per_second=requests / 0.304)).part("cards").amount
    assert cards in (5, 6)
    slower = plan(replace(BASE, card="a100")).part("cards").amount
    assert slower > plan(BASE).part("cards").amount


def test_the_stand_in_needs_no_card():
    assert plan(replace(BASE, model="exemplar")).part("cards").amount == 0


def test_what_was_measured_of_the_screen_takes_the_place_of_what_is_known_of_it():
    assert plan(replace(BASE, screen_ms=0.01)).core_seconds_per_post < 0.001
    assert plan(BASE).core_seconds_per_post > 0.01


def test_a_run_that_ends_takes_its_start_and_its_posts():
    few, many = (plan(replace(BASE, bounded_posts=posts)).bounded for posts in (1_000, 3_000))
    assert many.core_seconds < 3 * few.core_seconds
    assert many.requests == 3 * few.requests


def test_a_run_screens_the_posts_twice_from_which_its_thresholds_begin():
    base = replace(BASE, screen_ms=5.0)
    few, many = (plan(replace(base, bounded_posts=posts)) for posts in (1_000, 5_000))
    more = many.bounded.core_seconds - few.bounded.core_seconds
    assert more == pytest.approx(4_000 * few.core_seconds_per_post + (POSTS - 1_000) * 0.005)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"posts_per_second": 0}, "--posts-per-second is 0; give a number above 0"),
        ({"posts_per_second": math.nan}, "--posts-per-second is nan"),
        ({"policies": 0}, "--policy-count is 0"),
        ({"second_stage": 1.5}, "give a share from 0 to 1"),
        ({"requests_per_1000": 9_000}, "--asked-per-1000 is 9000; 8 policies make from 0 to 8,000"),
        ({"bounded_posts": -1}, "--bounded-posts is -1"),
        ({"questions": math.inf}, "--questions is inf"),
        ({"model": "gpt"}, "'gpt' is no model that a plan knows; there are: gpt-oss-safeguard-20b"),
        ({"card": "t4"}, "'t4' is no card that a plan knows; there are: h100"),
        ({"model": "gpt-oss-safeguard-120b", "card": "l4"}, "needs 80 GB and the card l4 has 24"),
    ],
)
def test_what_cannot_be_planned_is_refused_with_the_way_out(change, said):
    with pytest.raises(PlanError, match=re.escape(said)):
        replace(BASE, **change)


def test_a_plan_that_is_saved_is_read_as_it_was(tmp_path):
    save(BASE, tmp_path / "plan.json")
    assert read(tmp_path / "plan.json") == BASE


@pytest.mark.parametrize(
    "held", ["", "[]", "{}", '{"posts_per_second": "x"}', '{"other": 1}', "[" * 50_000, "\xff"]
)
def test_a_file_that_no_save_wrote_is_refused(tmp_path, held):
    path = tmp_path / "plan.json"
    path.write_text(held, "latin-1")
    with pytest.raises(PlanError, match="is no plan: give a file that --save wrote"):
        read(path)


def test_a_folded_day_is_asked_for_less_than_its_tables_are():
    day = day_of(1_000_000)
    assert day.asked_of_folded < day.asked_of_tables
    assert day.unpruned == 30 * day.asked_of_tables
    assert question_usd(2**40) == 6.25


def test_a_row_has_the_bytes_of_its_values_by_bigquerys_rules():
    assert row_bytes("folded_labels", 0, 8, LABEL_KEYS) == (2 + 4) + 8 + (2 + 12) + (2 + 8)
    assert row_bytes("screenings", 0, 8, ["policies"]) == 8 * ((2 + 12) + 8 + (2 + 6))


@pytest.mark.parametrize("table", ["screenings", "verdicts", "folded_labels"])
def test_every_column_that_is_stored_has_a_size(table):
    for column in columns(table):
        assert row_bytes(table, 200, 8, [column.name]) >= 0


def test_every_constant_has_its_unit_and_its_source():
    assert len(CONSTANTS) > 15
    assert all(each.unit and each.source for each in CONSTANTS)


def test_the_command_compares_a_plan_with_one_that_was_saved(tmp_path):
    path = tmp_path / "small.json"
    first = CliRunner().invoke(app, ["plan", "--posts-per-second", "10", "--save", str(path)])
    assert first.exit_code == 0, first.output
    second = ["plan", "--posts-per-second", "1000", "--beside", str(path), "--json"]
    told = json.loads(CliRunner().invoke(app, second).output)
    assert told["this plan"]["usd_month"] > told["small.json"]["usd_month"]
    assert told["this plan"]["dominates"] == "cards"


def test_what_the_parts_bear_is_not_taken_for_what_breaks():
    told = CliRunner().invoke(app, ["plan", "--posts-per-second", "10"]).stdout
    assert told.index("what breaks") < told.index("what each part bears\n") < told.index("asked  ")


def test_the_command_refuses_in_a_sentence():
    told = CliRunner().invoke(app, ["plan", "--posts-per-second", "-1"])
    assert told.exit_code == 2
    assert "give a number above 0" in told.stderr

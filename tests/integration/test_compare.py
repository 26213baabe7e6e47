"""Two runs or policy versions in BigQuery, with flips planted among rows that hide them."""

import json
import re
import uuid
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from typer.testing import CliRunner

from tests.integration.stored import put, service
from tests.rows import NOON, screening, verdict
from weir.pipelines.bigquery.rows import insert_once
from weir.pipelines.commands.cli import app
from weir.pipelines.compare.rows import compare_sides
from weir.pipelines.word_changes import in_brackets


@pytest.fixture
def names():
    """Names of two runs and two policy versions that no other test has."""
    unique = uuid.uuid4().hex[:8]
    return tuple(f"{name}-{unique}" for name in ("run-a", "run-b", "v1", "v2"))


def store(settings, run, version, decisions, **changes):
    """Write a run's rows: by offset None where the screen cleared it, or the verdict."""
    routes = {offset: "escalate" if d else "clear" for offset, d in decisions.items()}
    put(settings, "screenings", [screening(run, o, spam=route) for o, route in routes.items()])
    put(
        settings,
        "verdicts",
        [
            verdict(run, offset, "spam", outcome, policy_version=version, **changes)
            for offset, outcome in decisions.items()
            if outcome
        ],
    )


# 40 posts: planted are three that B flags (one of them cleared by A's screen), two that only A
# flags, and two that one side cannot decide.
A = (
    dict.fromkeys(range(40), "safe")
    | dict.fromkeys(range(10), "violates")
    | {20: None, 21: None, 22: "indeterminate"}
)
B = A | {12: "violates", 13: "violates", 20: "violates", 3: "safe", 4: None, 5: "indeterminate"}
GAINED, LOST = {12, 13, 20}, {3, 4}


def offsets(flips, *, flagged_by_b):
    return {f.offset for f in flips if (f.b.label == "violates") is flagged_by_b}


def check_planted(found):
    assert offsets(found.flips, flagged_by_b=True) == GAINED
    assert offsets(found.flips, flagged_by_b=False) == LOST
    total = found.counted.total
    assert (total.flips.gained, total.flips.lost, total.flips.pairs, total.unsure) == (3, 2, 38, 2)
    assert len(found.flips) == 5


def test_between_two_runs_exactly_the_planted_flips_are_found(bigquery, names):
    a, b, v1, v2 = names
    store(bigquery, a, v1, A)
    store(bigquery, b, v2, B)
    found = compare_sides(bigquery, a, b)
    check_planted(found)
    assert (found.posts.both, found.posts.only_a, found.posts.only_b) == (40, 0, 0)
    assert found.counted.transitions["safe", "violates"] == 2
    assert found.counted.transitions["cleared", "violates"] == 1
    assert found.counted.transitions["violates", "indeterminate"] == 1


def test_neither_copies_nor_other_runs_nor_shadow_decisions_change_what_is_found(bigquery, names):
    a, b, v1, v2 = names
    later = {"judged_at": NOON + timedelta(hours=1)}
    store(bigquery, a, v1, A)
    store(bigquery, a, v1, A | {0: "safe", 1: "safe"}, **later)  # retried: the first counts
    store(bigquery, b, v2, B)
    store(bigquery, b, v2, B)
    store(bigquery, f"{b}-other", v2, dict.fromkeys(range(60), "violates"))
    shadow = dict.fromkeys(range(40), "violates")
    put(
        bigquery,
        "verdicts",
        [
            verdict(b, n, "spam", o, policy_version=f"{v2}-shadow", mode="shadow", **later)
            for n, o in shadow.items()
        ],
    )
    check_planted(compare_sides(bigquery, a, b))


def test_two_versions_of_a_policy_are_compared_over_the_posts_that_both_judged(bigquery, names):
    a, b, v1, v2 = names
    store(bigquery, a, v1, A)
    store(bigquery, b, v2, B)
    found = compare_sides(bigquery, v1, v2)
    assert offsets(found.flips, flagged_by_b=True) == GAINED - {20}  # not judged by v1
    assert offsets(found.flips, flagged_by_b=False) == LOST - {4}  # nor that one by v2
    assert (found.posts.only_a, found.posts.only_b) == (1, 1)


def test_a_shadow_version_is_compared_with_the_one_in_force_in_the_same_run(bigquery, names):
    run, other, v1, v2 = names
    store(bigquery, run, v1, A)
    judged = {n: o for n, o in (A | {12: "violates", 3: "safe"}).items() if o}
    put(
        bigquery,
        "verdicts",
        [
            verdict(run, n, "spam-next", o, policy_version=v2, mode="shadow")
            for n, o in judged.items()
        ],
    )
    store(bigquery, other, v1, dict.fromkeys(range(40), "safe"))
    found = compare_sides(bigquery, f"{run}@{v1}", f"{run}@{v2}")
    assert offsets(found.flips, flagged_by_b=True) == {12}
    assert offsets(found.flips, flagged_by_b=False) == {3}


def test_of_different_slices_the_common_part_is_compared_and_the_rest_counted(bigquery, names):
    a, b, v1, v2 = names
    store(bigquery, a, v1, A)
    store(bigquery, b, v2, {n: B[n] for n in range(10, 40)} | dict.fromkeys(range(90, 95), "safe"))
    found = compare_sides(bigquery, a, b)
    assert (found.posts.both, found.posts.only_a, found.posts.only_b) == (30, 10, 5)
    assert offsets(found.flips, flagged_by_b=True) == GAINED
    shown = weir(bigquery, a, b).stdout
    assert f"10 posts are only in {a} and 5 only in {b}" in shown


def test_flips_are_told_apart_by_language_length_score_and_category(bigquery, names):
    a, b, v1, v2 = names
    texts = {0: "hello there", 1: "привет " * 10, 2: "你好", 3: "שלום" * 300}
    for run, version, outcome in ((a, v1, "safe"), (b, v2, "violates")):
        put(
            bigquery,
            "verdicts",
            [
                verdict(run, n, "spam", outcome, policy_version=version, text=text)
                | {"language": None, "score": n / 4, "categories": [f"kind {n % 2}"]}
                for n, text in texts.items()
            ],
        )
    by = {each.by: each.groups for each in compare_sides(bigquery, a, b).counted.breakdowns}
    gained = {by: {g.name: g.flips.gained for g in groups} for by, groups in by.items()}
    assert gained == {
        "policy": {"spam": 4},
        "category of the flagged": {"kind 0": 2, "kind 1": 2},
        "language": dict.fromkeys(
            ("Latin script", "Cyrillic script", "Han script", "Hebrew script"), 1
        ),
        "length in characters": {"1-49": 2, "50-199": 1, "1000 or more": 1},
        "score of the screen, of 100": {"0-19": 1, "20-39": 1, "40-59": 1, "60-79": 1},
    }


def test_a_language_is_the_one_declared_or_else_that_of_the_script(bigquery, names):
    a, b, v1, v2 = names
    declared = {0: "pt-BR", 1: "PT", 2: "<b>any</b>", 3: "x" * 300}
    for run, version, outcome in ((a, v1, "safe"), (b, v2, "violates")):
        rows = [
            verdict(run, n, "spam", outcome, policy_version=version) | {"language": language}
            for n, language in declared.items()
        ]
        put(bigquery, "verdicts", rows)
    by = {each.by: each.groups for each in compare_sides(bigquery, a, b).counted.breakdowns}
    assert {g.name: g.flips.pairs for g in by["language"]} == {"pt": 2, "Latin script": 2}


def test_the_most_confident_disagreements_come_first(bigquery, names):
    a, b, v1, v2 = names
    sure = {0: 0.6, 1: 0.99, 2: 0.8}
    for run, version, outcome in ((a, v1, "safe"), (b, v2, "violates")):
        rows = [
            verdict(run, n, "spam", outcome, policy_version=version)
            | {"probability": p if outcome == "violates" else 1 - p}
            for n, p in sure.items()
        ]
        put(bigquery, "verdicts", rows)
    assert [flip.offset for flip in compare_sides(bigquery, a, b).flips] == [1, 2, 0]
    assert [flip.offset for flip in compare_sides(bigquery, a, b, most=1).flips] == [1]


def test_what_judging_cost_is_counted_for_the_posts_that_both_have(bigquery, names):
    a, b, v1, v2 = names
    counts = {"tokens_in": 700, "tokens_out": 30}
    store(bigquery, a, v1, dict.fromkeys(range(6), "safe"), **counts)
    store(bigquery, b, v2, dict.fromkeys(range(4), "safe") | {4: None}, **counts, cached=True)
    cost_a, cost_b = compare_sides(bigquery, a, b).counted.costs
    assert (cost_a.requests, cost_a.cached, cost_a.tokens_in, cost_a.tokens_out) == (
        *(5, 0),
        *(3500, 150),
    )
    assert (cost_b.requests, cost_b.cached) == (0, 4)


def weir(settings, *arguments):
    return CliRunner().invoke(app, ["compare", *map(str, arguments), *service(settings)])


def test_the_command_prints_the_flips_and_what_chance_says_of_them(bigquery, names):
    a, b, v1, v2 = names
    store(bigquery, a, v1, A)
    store(bigquery, b, v2, B)
    shown = weir(bigquery, a, b)
    assert shown.exit_code == 0, shown.output
    assert "5 of 38 decisions changed sides: 3 flagged only by" in " ".join(shown.stdout.split())
    assert "5 of 5 flips" in shown.stdout
    assert "because" in shown.stdout
    said = json.loads(weir(bigquery, a, b, "--json", "--show", "2").stdout)
    assert said["total"]["newly_flagged"]["posts"] == 3
    assert said["total"]["p_value"] == 1
    assert len(said["flips"]) == 2


class Page(HTMLParser):
    """Every tag of a page with its attributes, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


HOSTILE = (
    "</td></table><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}"
    "\x1b[31m\x07\u202eevil [bold]"
)


def test_a_hostile_post_is_text_and_nothing_else_on_the_page_and_the_terminal(
    bigquery, names, tmp_path
):
    a, b, v1, v2 = names
    changes = {"text": HOSTILE, "rationale": HOSTILE, "categories": [HOSTILE], "language": HOSTILE}
    for run, version, outcome in ((a, v1, "safe"), (b, v2, "violates")):
        rows = [
            verdict(run, n, "spam", outcome, policy_version=version) | changes for n in range(2)
        ]
        put(bigquery, "verdicts", rows)
    file = tmp_path / "page.html"
    assert weir(bigquery, a, b, "--html", file).exit_code == 0
    page = Page(file.read_text("utf-8"))
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "img", "link", "iframe", "object", "a", "form", "base"}
    names_of = {name for _, attributes in page.tags for name in attributes}
    assert not {name for name in names_of if name.startswith("on")} | names_of & {"src", "href"}
    assert page.text.count("<script>alert(1)</script>") == 6  # two posts, each with two rationales
    assert "{{ 7 * 7 }}" in page.text
    (policy,) = (t["content"] for tag, t in page.tags if "http-equiv" in t)
    assert "default-src 'none'" in policy
    shown = weir(bigquery, a, b).stdout
    assert "[bold]" in shown
    for text in (page.text, shown):
        assert not re.search("[\x1b\x07\u202e]", text)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such-run", "A"], "There is no run or policy version 'no-such-run'"),
        (["A", "A@no-such-version"], "There is no policy version no-such-version in the run"),
        (["A", "A"], "Both sides are"),
        (["A", "B", "--from", "yesterday"], "--from is 'yesterday'"),
        (["A", "B", "--from", "2026-03-05", "--to", "2026-03-04"], "is not before"),
        (["A", "B", "--from", "2026-04-01", "--to", "2026-04-02"], "no post and policy in common"),
        (["A", "B", "--policy", "hate"], "no post and policy in common"),
        (["A", "B", "--show", "-1"], "--show"),
        (["A", "B", "--html", "no/such/folder/page.html"], "--html"),
        (["A", "OTHER"], "no day is in both"),
        (["A", "B", "--bigquery-dataset", "no_such_dataset"], "no_such_dataset"),
    ],
)
def test_what_cannot_be_compared_ends_with_a_sentence_and_exit_code_2(
    bigquery, names, arguments, said
):
    a, b, v1, v2 = names
    store(bigquery, a, v1, {0: "safe"})
    store(bigquery, b, v2, {0: "violates"})
    late = screening(f"{a}-late", 0, spam="clear") | {"created_at": NOON + timedelta(days=3)}
    put(bigquery, "screenings", [late])
    replaced = {"A": a, "B": b, "OTHER": f"{a}-late", "A@no-such-version": f"{a}@no-such-version"}
    arguments = [replaced.get(each, each) for each in arguments]
    dataset = arguments.index("--bigquery-dataset") if "--bigquery-dataset" in arguments else None
    settings = bigquery if dataset is None else replace(bigquery, dataset=arguments[dataset + 1])
    result = weir(settings, *arguments[:dataset])
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_words_of_the_policies_that_decided_are_compared(bigquery, names):
    a, b, v1, v2 = names
    for run, version, decisions, word in ((a, v1, A, "money"), (b, v2, B, "gifts")):
        store(bigquery, run, version, decisions)
        text = {"policy_version": version, "policy_id": "spam", "text": f"Ask for {word}."}
        insert_once(bigquery, "policies", "policy_version", text)
    (change,) = compare_sides(bigquery, a, b).changes
    assert (change.policy_id, change.a, change.b) == ("spam", v1, v2)
    assert in_brackets(change.passages[0]) == "Ask for [-money-]{+gifts+}."
    assert "Ask for [-money-]{+gifts+}." in weir(bigquery, a, b).stdout

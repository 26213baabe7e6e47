"""The analyst's views against the same numbers counted one by one in Python.

The rows hold what a real dataset holds: rows written twice, verdicts of an older version that come
late, two runs over the same posts, a policy in shadow, reviews, and a part of the cleared posts.
"""

import hashlib
import random
import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from tests.rows import dead_letter, deferral, human_label, screening, verdict
from weir.pipelines.demo import query
from weir.transforms.records import DEAD_LETTER, DEFERRAL, HUMAN_LABEL, SCREENING, VERDICT
from weir.transforms.write.bigquery.appender import Appender
from weir.transforms.write.bigquery.connection import AppendConnection
from weir.transforms.write.bigquery.rows import ROWS, project

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
SCHEMAS = {
    "screenings": SCREENING,
    "verdicts": VERDICT,
    "deferrals": DEFERRAL,
    "human_labels": HUMAN_LABEL,
    "dead_letters": DEAD_LETTER,
}


@dataclass(frozen=True)
class Answer:
    """A verdict on a pair."""

    version: str
    hour: int
    outcome: str
    probability: float
    cached: bool
    tokens: int
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pair:
    """All that happened to one post under one policy."""

    offset: int
    at: datetime
    policy: str
    route: str
    answers: tuple[Answer, ...] = ()
    deferred: bool = False
    review: tuple[str, str] | None = None  # version and decision
    weight: float = 1.0

    @property
    def day(self):
        return self.at.date()

    @property
    def mode(self):
        return "shadow" if self.policy == "hate" else "enforce"

    @property
    def last(self):
        return max(self.answers, key=lambda answer: answer.hour, default=None)

    @property
    def machine(self):
        if self.last:
            return self.last.outcome
        return "cleared" if self.route == "clear" else "undecided"

    @property
    def human(self):
        if self.review is None:
            return None
        version, outcome = self.review
        return outcome if self.last is None or self.last.version == version else None

    @property
    def label(self):
        return self.human or self.machine


def drawn(seed, share=0.5, posts=150):
    """Return the pairs of a run that records this share of the posts that all policies cleared."""
    draw, pairs = random.Random(seed), []
    for offset in range(posts):
        at = NOON + timedelta(days=offset % 2, minutes=offset)
        of_post = [pair(draw, offset, at, policy) for policy in ("hate", "spam")]
        if all(each.route == "clear" for each in of_post):
            if draw.random() >= share:
                continue
            of_post = [replace(each, weight=1 / share, review=None) for each in of_post]
        pairs += of_post
    return pairs


def pair(draw, offset, at, policy):
    (route,) = draw.choices(["clear", "escalate", "audit", "forced"], [6, 4, 2, 1])
    answers = ()
    if route != "clear" and draw.random() < 0.8:
        versions = draw.choice([("v1",), ("v2",), ("v1", "v2")])
        answers = tuple(answer(draw, version) for version in versions)
    review = None
    if draw.random() < 0.3:
        review = (draw.choice(["v1", "v2"]), draw.choice(["violates", "safe"]))
    return Pair(
        offset, at, policy, route, answers, deferred=route != "clear" and not answers, review=review
    )


def answer(draw, version):
    return Answer(
        version,
        hour={"v1": 1, "v2": 5}[version],
        outcome=draw.choice(["violates", "safe", "indeterminate"]),
        probability=draw.choice([0.1, 0.5, 0.9]),
        cached=draw.random() < 0.3,
        tokens=draw.randrange(100),
        categories=tuple(draw.sample(["a", "b"], draw.randrange(3))),
    )


def put(settings, table, rows):
    appender = Appender(
        lambda: AppendConnection(settings.write_client(), settings.stream(table)), table
    )
    appender.append(project(pa.RecordBatch.from_pylist(rows, SCHEMAS[table]), ROWS[table]))
    assert not appender.drain()
    appender.close()


def store(settings, run, pairs, share=0.5):
    """Write the rows of a run in no order, a third of them twice."""
    tables = {"screenings": [], "verdicts": [], "deferrals": [], "human_labels": []}
    for offset in sorted({each.offset for each in pairs}):
        of_post = [each for each in pairs if each.offset == offset]
        stored = {
            "created_at": of_post[0].at,
            "mode": "enforce",
            "shadow_policies": ["hate"],
            "recorded_probability": 1 / of_post[0].weight,
            "record_cleared": share,
        }
        routes = {each.policy: each.route for each in of_post}
        tables["screenings"].append(screening(run, offset, stored=stored, **routes))
    for each in pairs:
        known = {"created_at": each.at, "route": each.route}
        for said in each.answers:
            tables["verdicts"].append(judged(run, each, said, known))
        if each.deferred:
            tables["deferrals"].append(deferral(run, each.offset, each.policy, **known))
        if each.review:
            version, outcome = each.review
            first = human_label(run, each.offset, each.policy, "violates", created_at=each.at)
            later = {"human_verdict": outcome, "policy_version": version, "reviewer": "bea"}
            again = first | later | {"reviewed_at": NOON + timedelta(days=9)}
            tables["human_labels"] += [again, first]
    shuffled = random.Random(1)
    for table, rows in tables.items():
        twice = rows + shuffled.sample(rows, len(rows) // 3)
        shuffled.shuffle(twice)
        put(settings, table, twice)


def judged(run, each, said, known):
    changes = {
        "policy_version": said.version,
        "mode": each.mode,
        "judged_at": NOON + timedelta(hours=said.hour),
        "probability": said.probability,
        "cached": said.cached,
        "tokens_in": said.tokens,
        "tokens_cached": said.tokens // 2,
        "tokens_out": 7,
        "latency_ms": float(said.tokens),
        "inclusion_probability": 0.25 if each.route == "audit" else 1.0,
        "categories": list(said.categories),
        "text": f"post {each.offset}",
    }
    return verdict(run, each.offset, each.policy, said.outcome, **known | changes)


@pytest.fixture(scope="module")
def world(bigquery):
    """Return two runs over the same posts as they are stored, and what happened in them."""
    run = f"run-{uuid.uuid4().hex[:8]}"
    runs = {run: drawn(1), f"{run}-b": drawn(2, share=1.0)}
    for name, share in zip(runs, (0.5, 1.0), strict=True):
        store(bigquery, name, runs[name], share)
    return runs


@pytest.fixture(params=["first", "second"])
def one(request, world):
    """Return each run with its pairs."""
    return list(world.items())[request.param == "second"]


def rows_of(settings, view, run):
    return query(settings, f"SELECT * FROM `{{dataset}}.{view}` WHERE run = @run", run)


def grouped(pairs, *names):
    groups = defaultdict(list)
    for each in pairs:
        groups[tuple(getattr(each, name) for name in names)].append(each)
    return groups


def test_a_label_is_the_reviewers_else_the_judges_else_the_screens(bigquery, one):
    run, pairs = one
    rows = rows_of(bigquery, "labels", run)
    assert len(rows) == len(pairs)
    found = {
        (row["offset"], row["policy_id"]): (
            *(row["label"], row["machine_label"], row["human_verdict"], row["mode"]),
            *(row["decided_by"], row["weight"], row["deferred"], row["reviewer"]),
        )
        for row in rows
    }
    assert found == {
        (each.offset, each.policy): (
            *(each.label, each.machine, each.human, each.mode),
            *(decider(each), each.weight, each.deferred, "bea" if each.human else None),
        )
        for each in pairs
    }


def decider(each):
    if each.human:
        return "human"
    return "judge" if each.last else "screen" if each.route == "clear" else None


def test_a_label_carries_what_the_last_verdict_said(bigquery, one):
    run, pairs = one
    last = {(each.offset, each.policy): each.last for each in pairs if each.last}
    for row in rows_of(bigquery, "labels", run):
        if said := last.get((row["offset"], row["policy_id"])):
            assert row["policy_version"] == said.version
            assert row["probability"] == said.probability
            assert row["categories"] == list(said.categories)
            assert row["text"] == f"post {row['offset']}"


def test_daily_rates(bigquery, one):
    run, pairs = one
    expected = {}
    for key, each in grouped(pairs, "mode", "day", "policy").items():
        weight = sum(pair.weight for pair in each)
        labels = Counter(pair.label for pair in each)
        escalated = sum(pair.route in ("escalate", "forced") for pair in each)
        expected[key] = {
            "posts": round(weight),
            "cleared": round(sum(p.weight for p in each if p.machine == "cleared")),
            "judged": sum(pair.last is not None for pair in each),
            "audited": sum(pair.last is not None and pair.route == "audit" for pair in each),
            "reviewed": sum(pair.human is not None for pair in each),
            "violating": labels["violates"],
            "safe": labels["safe"],
            "indeterminate": labels["indeterminate"],
            "undecided": labels["undecided"],
            "deferred": sum(pair.deferred for pair in each),
            "escalated": escalated,
            "violation_rate": pytest.approx(labels["violates"] / weight),
            "escalation_rate": pytest.approx(escalated / weight),
        }
    rows = rows_of(bigquery, "daily_rates", run)
    found = {(row["mode"], row["day"], row["policy_id"]): row for row in rows}
    assert found.keys() == expected.keys()
    for key, numbers in expected.items():
        assert {name: found[key][name] for name in numbers} == numbers


def test_live_recall_takes_the_reviewers_word_over_the_judges(bigquery, one):
    run, pairs = one
    found = {}
    for row in rows_of(bigquery, "live_recall", run):
        counts = found.setdefault((row["mode"], row["day"], row["policy_id"]), Counter())
        counts.update({n: row[n] for n in ("cleared", "caught", "missed_seen", "audits_answered")})
        assert row["missed_weight"] == pytest.approx(4 * row["missed_seen"])
    for key, each in grouped(pairs, "mode", "day", "policy").items():
        answered = [p for p in each if p.last and p.label in ("violates", "safe")]
        assert found[key] == {
            "cleared": round(sum(p.weight for p in each if p.route in ("clear", "audit"))),
            "caught": sum(p.route == "escalate" and p.label == "violates" for p in answered),
            "missed_seen": sum(p.route == "audit" and p.label == "violates" for p in answered),
            "audits_answered": sum(p.route == "audit" for p in answered),
        }


def test_judge_cost_counts_every_verdict_once(bigquery, one):
    run, pairs = one
    groups = defaultdict(list)
    for each in pairs:
        for said in each.answers:
            groups[each.mode, each.day, each.policy, said.version].append(said)
    rows = rows_of(bigquery, "judge_cost", run)
    key = ("mode", "day", "policy_id", "policy_version")
    found = {tuple(row[name] for name in key): row for row in rows}
    assert found.keys() == groups.keys()
    for group, answers in groups.items():
        row = found[group]
        tokens = sum(each.tokens for each in answers)
        computed = sum(each.tokens - each.tokens // 2 + 7 for each in answers)
        violating = sum(each.outcome == "violates" for each in answers)
        assert (row["verdicts"], row["from_cache"], row["violating"]) == (
            *(len(answers), sum(each.cached for each in answers), violating),
        )
        assert (row["tokens_in"], row["tokens_computed"]) == (tokens, computed)
        assert row["asked"] + row["from_cache"] == row["verdicts"]
        if violating:
            assert row["tokens_per_violation"] == pytest.approx(computed / violating)
        asked = [float(each.tokens) for each in answers if not each.cached]
        if asked:
            assert min(asked) <= row["median_latency_ms"] <= row["p95_latency_ms"] <= max(asked)


def test_policy_changes_compares_the_versions_of_a_day(bigquery, one):
    run, pairs = one
    groups = defaultdict(list)
    for each in pairs:
        if each.route in ("escalate", "forced"):
            for said in each.answers:
                groups[each.mode, each.day, each.policy, said.version].append(said.outcome)
    rows = rows_of(bigquery, "policy_changes", run)
    key = ("mode", "day", "policy_id", "policy_version")
    found = {tuple(row[name] for name in key): row for row in rows}
    assert found.keys() == groups.keys()

    def share(outcomes):
        return outcomes.count("violates") / len(outcomes)

    for group, outcomes in groups.items():
        row = found[group]
        assert row["judged"] == len(outcomes)
        assert row["violating_share"] == pytest.approx(share(outcomes))
        before = (*group[:3], "v1")
        if group[3] == "v2" and before in groups:
            assert row["version_before"] == "v1"
            assert row["change"] == pytest.approx(share(outcomes) - share(groups[before]))
        elif group[3] == "v1":
            assert row["version_before"] is None


def test_run_diff_has_every_pair_that_both_runs_know_and_finds_the_flips(bigquery, world):
    (run, ours), (other, theirs) = world.items()
    sql = "SELECT * FROM `{dataset}.run_diff` WHERE run = @run AND other_run = "
    rows = query(bigquery, f"{sql}'{other}'", run)
    by_key = {(each.offset, each.policy): each for each in theirs}
    both = {
        (each.offset, each.policy): (each, by_key[each.offset, each.policy])
        for each in ours
        if (each.offset, each.policy) in by_key
    }
    assert len(rows) == len(both) == len({(row["offset"], row["policy_id"]) for row in rows})
    certain = {"violates", "safe", "cleared"}
    for row in rows:
        a, b = both[row["offset"], row["policy_id"]]
        assert (row["label"], row["other_label"]) == (a.machine, b.machine)
        decided = {a.machine, b.machine} <= certain
        assert row["flipped"] == (
            decided and (a.machine == "violates") != (b.machine == "violates")
        )
        assert row["weight"] == max(a.weight, b.weight)
        assert row["human_verdict"] == (a.human or b.human)
    assert any(row["flipped"] for row in rows)


def test_the_flips_of_a_run_against_another_are_those_of_the_other_against_it(bigquery, world):
    run, other = world
    sql = "SELECT COUNT(*) AS n FROM `{dataset}.run_diff` WHERE flipped AND run = @run AND "
    (there,) = query(bigquery, f"{sql} other_run = '{other}'", run)
    (back,) = query(bigquery, f"{sql} other_run = '{run}'", other)
    assert there == back


def stratum(each):
    said = each.last
    if said.outcome == "violates" and each.route == "audit":
        return "missed"
    if said.outcome == "indeterminate":
        return "indeterminate"
    return "borderline" if said.probability == 0.5 else said.outcome


def test_the_sample_for_review_is_drawn_by_a_hash_from_every_stratum(bigquery, one):
    run, pairs = one
    strata = defaultdict(list)
    for each in pairs:
        if each.last:
            said = f"{run}-{each.policy}-{each.last.version}-{each.offset}"
            digest = hashlib.md5(said.encode()).hexdigest()
            strata[each.mode, each.day, each.policy, stratum(each)].append((digest, each.offset))
    expected = {
        (*key, offset): (place, len(posts))
        for key, posts in strata.items()
        for place, (_, offset) in enumerate(sorted(posts), 1)
        if place <= 50
    }
    key = ("mode", "day", "policy_id", "stratum", "offset")
    rows = rows_of(bigquery, "appeals_sample", run)
    assert {
        tuple(row[name] for name in key): (row["place"], row["stratum_posts"]) for row in rows
    } == expected


def test_the_sample_takes_at_most_fifty_of_a_stratum(bigquery):
    run = f"run-{uuid.uuid4().hex[:8]}"
    put(bigquery, "verdicts", [verdict(run, n, "spam", "safe") for n in range(70)])
    rows = rows_of(bigquery, "appeals_sample", run)
    assert {row["place"] for row in rows} == set(range(1, 51))
    assert {row["stratum_posts"] for row in rows} == {70}


def test_disagreements_are_reviews_that_say_the_opposite(bigquery, one):
    run, pairs = one
    opposite = {("violates", "safe"), ("safe", "violates"), ("cleared", "violates")}
    rows = rows_of(bigquery, "disagreements", run)
    assert {
        (r["offset"], r["policy_id"], r["machine_label"], r["human_verdict"]) for r in rows
    } == {
        (each.offset, each.policy, each.machine, each.human)
        for each in pairs
        if (each.machine, each.human) in opposite
    }
    assert len(rows) == len({(row["offset"], row["policy_id"]) for row in rows}) > 0


def test_conservation_knows_nothing_of_reviews(bigquery, one):
    run, pairs = one
    (row,) = rows_of(bigquery, "conservation", run)
    assert row["pairs"] == len(pairs)
    assert row["cleared"] == sum(each.machine == "cleared" for each in pairs)
    assert row["judged"] == sum(each.last is not None for each in pairs)
    assert row["deferred"] == sum(each.deferred for each in pairs)
    assert row["unaccounted"] == 0


def test_a_review_of_a_post_without_a_row_is_its_label_and_counts_in_no_rate(bigquery):
    run = f"run-{uuid.uuid4().hex[:8]}"
    put(bigquery, "human_labels", [human_label(run, 1, "spam", "violates")])
    put(bigquery, "screenings", [screening(run, 2, spam="clear")])
    labels = {row["offset"]: row for row in rows_of(bigquery, "labels", run)}
    assert (labels[1]["label"], labels[1]["decided_by"], labels[1]["weight"]) == (
        *("violates", "human", 0),
    )
    (day,) = rows_of(bigquery, "daily_rates", run)
    assert (day["posts"], day["cleared"], day["violating"]) == (1, 1, 1)
    (recall,) = rows_of(bigquery, "live_recall", run)
    assert (recall["cleared"], recall["caught"]) == (1, 0)


def test_where_no_cleared_post_is_recorded_rates_are_unknown_and_not_wrong(bigquery):
    run = f"run-{uuid.uuid4().hex[:8]}"
    stored = {"recorded_probability": 1.0, "record_cleared": 0.0}
    put(bigquery, "screenings", [screening(run, 1, stored=stored, spam="escalate")])
    put(bigquery, "verdicts", [verdict(run, 1, "spam", "violates")])
    (day,) = rows_of(bigquery, "daily_rates", run)
    assert (day["posts"], day["cleared"], day["violation_rate"], day["escalation_rate"]) == (
        *(None, None, None, None),
    )
    assert (day["judged"], day["violating"]) == (1, 1)


def test_a_row_of_an_older_version_counts_as_one_post_in_force(bigquery):
    run = f"run-{uuid.uuid4().hex[:8]}"
    put(bigquery, "screenings", [screening(run, 1, spam="clear")])
    (row,) = rows_of(bigquery, "labels", run)
    assert (row["mode"], row["weight"], row["record_cleared"]) == ("enforce", 1, 1)


def test_a_dead_letter_counts_once_for_its_day(bigquery):
    run = f"run-{uuid.uuid4().hex[:8]}"
    letters = [dead_letter(run, n, "judge", "engine_error", policy_id="spam") for n in range(3)]
    late = [letter | {"died_at": NOON + timedelta(hours=2)} for letter in letters]
    put(bigquery, "dead_letters", [*letters, *late])
    (cause,) = rows_of(bigquery, "dead_letter_causes", run)
    assert (cause["day"], cause["letters"], cause["first_at"]) == (NOON.date(), 3, NOON)


def test_a_replay_is_a_replay_for_policies_in_shadow_too(bigquery):
    run = f"run-{uuid.uuid4().hex[:8]}"
    stored = {"mode": "replay", "shadow_policies": ["hate"]}
    put(bigquery, "screenings", [screening(run, 1, stored=stored, spam="clear", hate="clear")])
    assert {row["mode"] for row in rows_of(bigquery, "labels", run)} == {"replay"}


def test_what_had_nothing_to_read_is_cleared_and_no_part_of_the_recall(bigquery):
    run = f"nothing-{uuid.uuid4().hex[:8]}"
    put(bigquery, "screenings", [screening(run, 0, spam="empty"), screening(run, 1, spam="clear")])
    labels = rows_of(bigquery, "labels", run)
    assert {(row["label"], row["decided_by"]) for row in labels} == {("cleared", "screen")}
    assert [row["cleared"] for row in rows_of(bigquery, "live_recall", run)] == [1]


def test_screen_cost_has_what_each_language_asks_and_finds(bigquery):
    run = f"cost-{uuid.uuid4().hex[:8]}"
    routes = ["escalate", "audit", "audit", "clear"]
    rows = [
        screening(run, n, stored={"detected_language": language}, spam=route)
        for n, (language, route) in enumerate((x, y) for x in ("en", "de") for y in routes)
    ]
    put(bigquery, "screenings", rows)
    answers = ["violates", "safe", "safe", None, "violates", "violates", "safe", None]
    audit = {"route": "audit", "inclusion_probability": 0.5}
    put(
        bigquery,
        "verdicts",
        [
            verdict(run, n, "spam", answer, **(audit if n % 4 else {}))
            for n, answer in enumerate(answers)
            if answer
        ],
    )
    found = {row["language"]: row for row in rows_of(bigquery, "screen_cost", run)}
    assert {name: row["requests_per_1000"] for name, row in found.items()} == {
        "en": 750,
        "de": 750,
    }
    assert {name: (row["missed"], row["recall"]) for name, row in found.items()} == {
        "en": (0, 1),
        "de": (2, pytest.approx(1 / 3)),
    }

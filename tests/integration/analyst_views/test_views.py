"""The views say of two runs what Python counts."""

import hashlib
import uuid
from collections import Counter, defaultdict

import pytest

from tests.integration.analyst_views.cases import (
    grouped,
    rows_of,
)
from tests.integration.stored import put
from tests.rows import verdict
from weir.pipelines.demo import query


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
    found: dict = {}
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
        assert row["policy_cache_share"] == 1  # a quarter is the policy's, and half is cached
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

"""Rules, dashboard and runbook: whatever they name exists."""

import json
import re
from pathlib import Path

import pytest
import yaml

from weir.infra.checks import checkers
from weir.infra.checks.checkers import INFRA, rendered
from weir.pipelines.artefacts.dashboard import FILE, PANELS, dashboard
from weir.pipelines.artefacts.metrics import COUNTERS, FLINK, GAUGES, HISTOGRAMS

ROOT = Path(__file__).parents[2]
RULES = yaml.safe_load((INFRA / "prometheus/rules.yaml").read_text("utf-8"))
ALL = [rule for group in RULES["groups"] for rule in group["rules"]]
ALERTS = [rule for rule in ALL if "alert" in rule]
RECORDED = {rule["record"] for rule in ALL if "record" in rule}
OTHERS = {"kube_job_status_failed"}  # of kube-state-metrics
NAME = re.compile(r"\b(?:weir|flink|kube)[:_]\w+(?!\s*=)\b")
ALERTS_PAGE = (ROOT / "docs/alerts.md").read_text("utf-8")


def names(expression):
    without_labels = re.sub(r"\{[^{}]*\}|by \([^()]*\)", "", expression)
    return set(NAME.findall(without_labels))


def known(name):
    return name in COUNTERS | GAUGES | FLINK | RECORDED | OTHERS


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_for_numbers_that_there_are(rule):
    patterns = re.findall(r'__name__=~"([^"]+)"', rule["expr"])
    assert names(rule["expr"]) or patterns
    assert [name for name in names(rule["expr"]) if not known(name)] == []
    assert all([n for n in COUNTERS | GAUGES if re.fullmatch(p, n)] for p in patterns)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_a_panel_asks_for_numbers_that_there_are(panel):
    for expression in panel.queries.values():
        assert names(expression)
        assert [name for name in names(expression) if not known(name)] == []


def test_the_panels_ask_in_prometheus_own_language():
    asked = [e for panel in PANELS for e in panel.queries.values()]
    assert checkers.queries(e.replace("$__rate_interval", "5m") for e in asked) == []
    assert checkers.queries(["sum(rate(weir_messages_total[5m])"]) != []


def test_the_dashboard_is_the_one_of_today_and_holds_no_secret():
    assert FILE.read_text("utf-8") == dashboard()
    assert not re.search(r"password|token\"|secret|apikey", dashboard(), re.IGNORECASE)
    assert len({p["id"] for p in json.loads(dashboard())["panels"]}) == len(PANELS)


CALL = re.compile(r'\b(?P<of>judge_counter|judge_gauge|counter)\("(?P<name>\w+)"\)')


def test_every_number_that_a_job_counts_has_its_name():
    found = set()
    for file in (ROOT / "transforms").rglob("*.py"):
        for call in CALL.finditer(file.read_text("utf-8")):
            judge = "judge_" if call["of"].startswith("judge") else ""
            end = "" if call["of"] == "judge_gauge" else "_total"
            found.add(f"weir_{judge}{call['name']}{end}")
    assert len(found) > 20
    assert found - COUNTERS - GAUGES == set()


@pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_has_its_paragraph(alert):
    found = re.search(rf"^## {alert['alert']}\n(.*?)(?=^## |\Z)", ALERTS_PAGE, re.M | re.S)
    assert found
    assert all(f"**{part}**" in found[1] for part in ("Means", "Look at", "Do"))
    assert alert["annotations"]["runbook_url"] == f"docs/alerts.md#{alert['alert'].lower()}"


def test_a_paragraph_has_its_alert():
    titles = set(re.findall(r"^## (Weir\w+)$", ALERTS_PAGE, re.M))
    assert titles == {rule["alert"] for rule in ALERTS}


def test_every_alert_is_tested():
    tests = yaml.safe_load((INFRA / "prometheus/rules_test.yaml").read_text("utf-8"))["tests"]
    fired = {
        case["alertname"]
        for test in tests
        for case in test.get("alert_rule_test", [])
        if case.get("exp_alerts")
    }
    assert fired == {rule["alert"] for rule in ALERTS}


# As Flink's REST API showed them of a running job, in the characters that Prometheus allows.
OF_FLINK = "flink_taskmanager_job_task_operator_"
RENAMED = {
    "weir_messages": ("weir_messages_total", {}),
    "weir_lag_posts_of_today_0_": ("weir_lag", {"topic": "posts_of_today", "partition": "0"}),
    "weir_policy_game_cheating_escalations": (
        "weir_policy_escalations_total",
        {"policy": "game_cheating"},
    ),
    "weir_judge_in_flight": ("weir_judge_in_flight", {}),
    "weir_judge_budget_used_percent": ("weir_judge_budget_used_percent", {}),
    "weir_policy_reload_failures": ("weir_policy_reload_failures", {}),
    "weir_judge_tokens_in": ("weir_judge_tokens_in_total", {}),
    "weir_screen_surges": ("weir_screen_surges", {}),
}


@pytest.mark.parametrize("name", RENAMED)
def test_flinks_names_become_those_of_a_job_on_one_machine(name):
    (monitor,) = [e for e in rendered(INFRA, "gpu") if e["kind"] == "PodMonitor"]
    labels = {"__name__": OF_FLINK + name}
    for rule in monitor["spec"]["podMetricsEndpoints"][0]["metricRelabelings"]:
        # As Prometheus does it: the whole value has to match.
        if found := re.fullmatch(rule["regex"], labels[rule["sourceLabels"][0]]):
            new = re.sub(r"\$\{?(\d)\}?", r"\\\1", rule["replacement"])
            labels[rule["targetLabel"]] = found.expand(new)
    expected, others = RENAMED[name]
    assert labels == {"__name__": expected} | others
    assert expected in COUNTERS | GAUGES


def test_the_chart_installs_the_rules_that_are_tested():
    (rule,) = [e for e in rendered(INFRA, "small") if e["kind"] == "PrometheusRule"]
    assert rule["spec"] == RULES


def test_distributions_are_in_no_rule_since_flink_has_none():
    assert not [n for rule in ALL for n in names(rule["expr"]) if n in HISTOGRAMS]
